package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/docker/go-units"
)

type progressKey struct{}

// withProgress returns a context of which every line that is logged also reaches progress, one line at a time.
func withProgress(ctx context.Context, progress func(string)) context.Context {
	if progress == nil {
		return ctx
	}
	var one sync.Mutex
	return context.WithValue(ctx, progressKey{}, func(line string) {
		one.Lock()
		defer one.Unlock()
		progress(line)
	})
}

// logged returns the log that also tells the progress of the run that a line belongs to.
func logged(log func(context.Context, string, map[string]any)) func(context.Context, string, map[string]any) {
	return func(ctx context.Context, message string, fields map[string]any) {
		log(ctx, message, fields)
		if progress, ok := ctx.Value(progressKey{}).(func(string)); ok {
			progress(logLine(message, fields))
		}
	}
}

// logLine is a line of the log as a reader without fields gets it. The cluster and the group are what the reader asked about.
func logLine(message string, fields map[string]any) string {
	switch message {
	case "step":
		return fmt.Sprint(fields["step"])
	case "waiting":
		return fmt.Sprintf("waiting: %v", fields["for"])
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if key != "cluster" && key != "group" {
			value := fields[key]
			if bytes, ok := value.(int64); ok && strings.HasPrefix(key, "bytes") {
				value = units.BytesSize(float64(bytes))
			}
			parts = append(parts, fmt.Sprintf("%s %v", strings.ReplaceAll(key, "_", " "), value))
		}
	}
	if len(parts) == 0 {
		return message
	}
	return message + ": " + strings.Join(parts, ", ")
}
