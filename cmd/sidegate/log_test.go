package main

import (
	"testing"

	"github.com/sidegate/sidegate/proxy/config"
)

func TestTheJournalChangesWhileItIsWritten(t *testing.T) {
	var out logBuffer
	j := newJournal(&out, config.Log{Format: config.LogJSON, Level: config.LogInfo})
	log := j.Logger().WithValues("listener", "a") // made once, before every change
	steps := []struct {
		config config.Log
		want   [2]string // parts of the lines at V(0) and V(1); empty: no line
	}{
		{config.Log{Format: config.LogJSON, Level: config.LogInfo}, [2]string{`"level":"INFO","msg":"one","listener":"a","n":1}`, ""}},
		{config.Log{Format: config.LogJSON, Level: config.LogDebug}, [2]string{`"level":"INFO","msg":"one"`, `"level":"DEBUG","msg":"two","listener":"a"`}},
		{config.Log{Format: config.LogText, Level: config.LogDebug}, [2]string{`level=INFO msg=one listener=a n=1`, `level=DEBUG msg=two listener=a`}},
		{config.Log{Format: config.LogText, Level: config.LogInfo}, [2]string{`level=INFO msg=one`, ""}},
	}
	for i, step := range steps {
		out.buf.Reset()
		j.Configure(step.config)
		log.Info("one", "n", 1)
		log.V(1).Info("two")
		lines := 0
		for _, want := range step.want {
			if want != "" {
				lines++
				if out.count(want) != 1 {
					t.Errorf("step %d: no line with %s in %q", i, want, out.buf.String())
				}
			}
		}
		if n := out.count(""); n != lines {
			t.Errorf("step %d: %d lines, want %d: %q", i, n, lines, out.buf.String())
		}
	}
}
