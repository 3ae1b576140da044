package node

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

var (
	// loud is an error in Kafka's log, as log4j2's pattern writes it.
	loud = regexp.MustCompile(`^\[[^\]]+\] (?:ERROR|FATAL) (.*)$`)
	// raised is the head of a Java stack trace, or one of its causes.
	raised = regexp.MustCompile(`^(?:Exception in thread "[^"]*" )?(Caused by: )?([\w.$]+(?:Exception|Error)(?:: .*)?)$`)
)

// failure is one error of a log, with the exception that followed it and the innermost cause of that.
type failure struct {
	message, exception, cause string
}

func (f failure) String() string {
	switch {
	case f.exception == "":
		return f.message
	case f.cause == "":
		return f.exception
	default:
		return f.exception + ", caused by " + f.cause
	}
}

// rank says how likely the failure is the end of the process: a running Kafka logs refused requests as errors too, with a stack trace.
func (f failure) rank() int {
	switch fatal := f.message == "" || strings.Contains(strings.ToLower(f.message), "fatal"); {
	case fatal && f.exception != "":
		return 2
	case f.exception != "":
		return 1
	default:
		return 0
	}
}

// mostWords is how many bytes of a program's words are told: they go through a status file into a diagnostic.
const mostWords = 2000

// plainly makes one line of what a program has said, for people to read: without what a terminal would take for a command, and cut.
func plainly(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") // The cut may have gone through a character.
	}
	return text
}

// explain finds the failure that most likely ended the program: the last of the highest rank. "" when there is none.
func explain(output io.Reader) string {
	lines := bufio.NewReader(output)
	var found, now failure
	seen, open := false, false
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if m := loud.FindStringSubmatch(line); m != nil {
			now, open = failure{message: m[1]}, true
		} else if m := raised.FindStringSubmatch(line); m != nil {
			switch {
			case open && m[1] != "":
				now.cause = m[2]
			case open && now.exception == "":
				now.exception = m[2]
			default:
				now, open = failure{exception: m[2]}, true
			}
		} else if strings.HasPrefix(line, "[") {
			open = false // The next line of the log.
		}
		if open && (!seen || now.rank() >= found.rank()) {
			found, seen = now, true
		}
		if err != nil {
			return plainly(found.String(), mostWords)
		}
	}
}

// explainEnd says why Kafka ended: outcome is its exit, and since the size of its log when it was started.
func explainEnd(f File, outcome error, since int64) string {
	var exit *exec.ExitError
	// Who was killed had no time to say so; what it logged before has nothing to do with it.
	if errors.As(outcome, &exit) && exit.ExitCode() < 0 {
		return "Kafka was ended from outside (" + outcome.Error() + ")"
	}
	why := ""
	if log, err := os.Open(filepath.Join(f.Dir, kafkaLog)); err == nil {
		// A log that has become shorter was rolled, so all of it is of this start.
		if info, err := log.Stat(); err == nil && info.Size() >= since {
			_, _ = log.Seek(since, io.SeekStart) // Without it there is only more to read.
		}
		why = explain(log)
		_ = log.Close() // Only read.
	}
	if why == "" {
		why = explainConsole(filepath.Join(f.Dir, consoleLog))
	}
	end := "exit status 0"
	if outcome != nil {
		end = outcome.Error()
	}
	return "Kafka ended by itself (" + end + "): " + why
}

// explainConsole says what stands on the console of a Java program: its exception, or the beginning of what the JVM itself says
// ("Unrecognized VM option …") before it ends.
func explainConsole(path string) string {
	const most = 300
	content, err := os.ReadFile(path)
	if err != nil {
		return "its output cannot be read: " + err.Error()
	}
	text := string(content)
	if why := explain(strings.NewReader(text)); why != "" {
		return why
	}
	if text = plainly(text, most); text == "" {
		return "without a word"
	}
	return text
}
