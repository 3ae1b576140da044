package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// holder is the content of a lease's file.
type holder struct {
	Name    string        `json:"holder"`
	Host    string        `json:"host"`
	Since   time.Time     `json:"since"`
	Process processRecord `json:"process"`
	// Renewed is the machine's uptime at the last renewal, in nanoseconds.
	Renewed time.Duration `json:"renewed"`
	// Expiry is how long the lease lives after that, in nanoseconds.
	Expiry time.Duration `json:"expiry"`
}

func newHolder(name string, expiry time.Duration) holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	self, _ := readProcess(os.Getpid())
	return holder{
		Name:    name,
		Host:    host,
		Since:   time.Now().UTC().Truncate(time.Second),
		Process: processRecord{PID: os.Getpid(), Started: self.started, Boot: bootID()},
		Renewed: uptime(),
		Expiry:  expiry,
	}
}

// expired says that a lease is to be broken, although a process still has its file locked. A record that cannot be read, or whose uptime
// was another boot's, says nothing of when it was renewed, and is never expired.
func (h holder) expired() bool {
	return h.Expiry > 0 && h.Process.Boot == bootID() && h.age() > h.Expiry
}

// age is how long ago the lease was renewed.
func (h holder) age() time.Duration { return uptime() - h.Renewed }

func (h holder) String() string {
	return fmt.Sprintf("%s, process %d on %s, since %s", h.Name, h.Process.PID, h.Host, h.Since.Format(time.RFC3339))
}

// write puts the record into the lease's file, which stays the same file. The root must be locked.
func (h holder) write(path string) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	// In this order what is there of the record is never lost to a full disk.
	_, err = file.WriteAt(text, 0)
	if err == nil {
		err = file.Truncate(int64(len(text)))
	}
	return errors.Join(err, file.Close())
}

// readHolder returns who has written the lease's file last, and nobody that lives when that cannot be read.
func readHolder(path string) holder {
	text, err := os.ReadFile(path)
	if err != nil {
		return unknownHolder
	}
	return parseHolder(text)
}

var unknownHolder = holder{Name: "unknown holder"}

// parseHolder reads a lease's file. Of one that is damaged nothing is believed: half a record could look like one that has expired.
func parseHolder(text []byte) holder {
	h := unknownHolder
	if json.Unmarshal(text, &h) != nil || h.Expiry < 0 || h.Renewed < 0 {
		return unknownHolder
	}
	return h
}
