package kafka

import (
	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// scramLogin is one SCRAM conversation as sarama wants it.
type scramLogin struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

// Begin is what sarama calls first. Kafka takes names and passwords as they are, without SASLprep, and so does this.
func (s *scramLogin) Begin(user, password, authorizationID string) error {
	client, err := s.hash.NewClientUnprepped(user, password, authorizationID)
	if err != nil {
		return err
	}
	s.ClientConversation = client.NewConversation()
	return nil
}

// newSCRAM returns what makes a conversation for each login.
func newSCRAM(hash scram.HashGeneratorFcn) func() sarama.SCRAMClient {
	return func() sarama.SCRAMClient { return &scramLogin{hash: hash} }
}
