package main

import (
	"bytes"
	"errors"
	"testing"
)

func TestErrorsDoNotSpeakToTheTerminal(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"letters stay":          {"open \"Société\": no such file", "sidegate: open \"Société\": no such file\n"},
		"an escape sequence":    {"a\x1b[31mb", "sidegate: a\\x1b[31mb\n"},
		"a carriage return":     {"a\rsidegate: fine", "sidegate: a\\rsidegate: fine\n"},
		"text that turns round": {"a\u202eb\u200b", "sidegate: a\\u202eb\\u200b\n"},
		"no UTF-8":              {"a\xffb", "sidegate: a\\xffb\n"},
		"a line each":           {"a\nb", "sidegate: a\nsidegate: b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if printError(&out, errors.New(test.text)); out.String() != test.want {
				t.Errorf("printed %q, want %q", out.String(), test.want)
			}
		})
	}
}
