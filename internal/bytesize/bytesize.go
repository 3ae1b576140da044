// Package bytesize reads and writes amounts of bytes as users declare them: "64KiB", "1.5 GiB", "512m". All units are powers of 1,024, with
// and without the "i", as they always were in memory sizes of the JVM and of Docker. It is pure.
package bytesize

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/docker/go-units"
)

// Most is the largest amount, 1 EiB. There is no machine and no fleet of its size, and sums of several still fit into an int64.
const Most = 1 << 60

// form is what Parse takes. go-units also takes whatever strconv reads as a number: infinity, hexadecimal powers, and what is no number.
var form = regexp.MustCompile(`^\d+(\.\d+)? ?([kKmMgGtTpP][iI]?)?[bB]?$`)

// Parse returns an amount from 0 to Most. A part of a byte is dropped.
func Parse(text string) (int64, error) {
	if !form.MatchString(text) {
		return 0, fmt.Errorf(`%q is not a size, such as "64KiB" or "1.5GiB"`, text)
	}
	n, err := units.RAMInBytes(text)
	if err != nil {
		return 0, fmt.Errorf(`%q is not a size, such as "64KiB" or "1.5GiB": %w`, text, err)
	}
	// What is too large for an int64 comes back as a negative number or as the largest, by processor.
	if n < 0 || n > Most {
		return 0, fmt.Errorf("%q is more than %s", text, Exact(Most))
	}
	return n, nil
}

// Exact writes an amount so that Parse reads the very same one: in the largest unit of which it is a whole number. (Single bytes beyond 8 PiB
// are lost, since sizes are read as floating point.) For people to read, and where four digits will do, there is units.BytesSize.
func Exact(bytes int64) string {
	names := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	unit := 0
	for ; unit < len(names)-1 && bytes != 0 && bytes%1024 == 0; unit++ {
		bytes /= 1024
	}
	return strconv.FormatInt(bytes, 10) + names[unit]
}
