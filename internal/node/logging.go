package node

// log4j2 is Kafka's logging: one file in the agent's directory that rolls, and never takes more than 80 MB.
const log4j2 = `status = error
appender.main.type = RollingFile
appender.main.name = main
appender.main.fileName = ${sys:kafka.logs.dir}/kafka.log
appender.main.filePattern = ${sys:kafka.logs.dir}/kafka.log.%i
appender.main.layout.type = PatternLayout
appender.main.layout.pattern = [%d] %p %m (%c)%n
appender.main.policies.type = Policies
appender.main.policies.size.type = SizeBasedTriggeringPolicy
appender.main.policies.size.size = 20MB
appender.main.strategy.type = DefaultRolloverStrategy
appender.main.strategy.max = 3
# Each change of a dynamic setting, of which a rollout makes many, would have all settings printed several times.
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = warn
logger.kafkaconfig.name = kafka.server.KafkaConfig
logger.kafkaconfig.level = warn
rootLogger.level = info
rootLogger.appenderRef.main.ref = main
`
