import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs many commands of Kafka's own tools in one JVM, which would otherwise start once for each topic. A line of the input is a command: the tool's
 * class and its arguments, separated by tabs. It ends with status 1 when one of them fails.
 */
public class KafkaTools {
    /** With which status the tool of this thread has ended. */
    private static final ThreadLocal<Integer> ENDED = new ThreadLocal<>();

    public static void main(String[] arguments) throws Exception {
        Exit.setExitProcedure((status, message) -> {
            // A tool may take this for an error, and end a second time.
            if (ENDED.get() == null) {
                ENDED.set(status);
            }
            throw new IllegalStateException("exit " + status);
        });
        ExecutorService workers = Executors.newFixedThreadPool(2);
        List<Future<?>> commands = new ArrayList<>();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t");
            commands.add(workers.submit(() -> {
                run(words);
                return null;
            }));
        }
        workers.shutdown();
        for (Future<?> command : commands) {
            command.get();
        }
    }

    private static void run(String[] words) throws Exception {
        ENDED.remove();
        Object arguments = Arrays.copyOfRange(words, 1, words.length);
        try {
            Class.forName(words[0]).getMethod("main", String[].class).invoke(null, arguments);
        } catch (InvocationTargetException e) {
            if (ENDED.get() == null || ENDED.get() != 0) {
                throw new Exception(String.join(" ", words), e.getCause());
            }
        }
    }
}
