package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRollFor(t *testing.T) {
	byVersion := roll{setting{"4.2.1", "local.small"}, setting{"4.3.1", "local.small"}}
	tests := map[string]struct {
		files []string
		home  string
		want  roll
		fault string
	}{
		"downloaded":       {want: byVersion},
		"both versions":    {files: []string{"4.2.1/libs/a.jar", "4.3.1/libs/a.jar"}, home: "{version}", want: byVersion},
		"one of them":      {files: []string{"4.3.1/libs/a.jar", "4.2.1/README"}, home: "{version}", want: roll{setting{"4.3.1", "local.small"}, setting{"4.3.1", "local.medium"}}},
		"none of them":     {home: "{version}", fault: "make kafka"},
		"one distribution": {files: []string{"k/libs/kafka-clients-4.1.2.jar", "k/libs/kafka-clients-4.1.2-test.jar"}, home: "k", want: roll{setting{"4.1.2", "local.small"}, setting{"4.1.2", "local.medium"}}},
		"no distribution":  {files: []string{"k/README"}, home: "k", fault: "no Kafka distribution"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range tt.files {
				path := filepath.Join(dir, f)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			home := tt.home
			if home != "" {
				home = filepath.Join(dir, home)
			}
			got, err := rollFor(home)
			switch {
			case tt.fault != "":
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("error %v, want one with %q", err, tt.fault)
				}
			case err != nil:
				t.Error(err)
			case got != tt.want:
				t.Errorf("roll %v, want %v", got, tt.want)
			}
		})
	}
}
