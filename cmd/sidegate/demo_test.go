package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
)

// performance is the demo, run with its output going to out. What it leaves in
// the directory for temporary files, and a gate that it leaves open, fail the
// test.
func performance(ctx context.Context, t *testing.T, out writerFunc) (code int, stdout, stderr string) {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var told, errs bytes.Buffer
	tee := writerFunc(func(p []byte) (int, error) {
		told.Write(p)
		return out(p)
	})
	code = execute(ctx, []string{"demo"}, streams{in: strings.NewReader(""), out: tee, err: &errs})
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if address := regexp.MustCompile(`https://(\S+),`).FindStringSubmatch(told.String()); address != nil {
		if c, err := net.Dial("tcp", address[1]); err == nil {
			c.Close()
			t.Errorf("the gate still listens on %s", address[1])
		}
	}
	return code, told.String(), errs.String()
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func discard(p []byte) (int, error) { return len(p), nil }

func TestAnInterruptedDemoClearsUp(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	code, _, stderr := performance(ctx, t, func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("renewal 2")) {
			interrupt()
		}
		return len(p), nil
	})
	if want := "sidegate: demo: interrupted before the story was over\n"; code != 1 || stderr != want {
		t.Errorf("exit code %d, %q; want 1 and %q", code, stderr, want)
	}
}

func TestADemoThatNobodyReadsClearsUp(t *testing.T) {
	code, stdout, stderr := performance(t.Context(), t, func([]byte) (int, error) { return 0, errors.New("nobody listens") })
	if code != 1 || !strings.Contains(stderr, "nobody listens") {
		t.Errorf("exit code %d, %q; want 1 and why", code, stderr)
	}
	if strings.Count(stdout, "\n") > 2 {
		t.Errorf("it went on to tell:\n%s", stdout)
	}
}

func TestADemoWithoutARoomFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	var stderr bytes.Buffer
	code := execute(t.Context(), []string{"demo"}, streams{out: writerFunc(discard), err: &stderr})
	if code != 1 || !strings.Contains(stderr.String(), "demo: create a directory") || !strings.HasSuffix(stderr.String(), "; mount a writable /tmp, or set TMPDIR\n") {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

// Whatever the story claims, a gate that does not do it must end the story.
func TestEachSceneFailsBeforeAGateThatLetsEverybodyIn(t *testing.T) {
	type scene = func(*story, context.Context) error
	const late = "deadline exceeded" // it waits for what never comes
	tests := []struct {
		claim string
		scene scene
		err   string
	}{
		{"forged headers are removed", (*story).callForging, "forged headers reached the application"},
		{"an unlisted Subject is refused", (*story).callUnlisted, "a Subject on no list was answered 200"},
		{"no certificate, no connection", (*story).callNameless, "want a TLS alert"},
		{"renewals are served", (*story).renewUnderLoad, late},
		{"a broken Secret is shouted about", (*story).breakSecret, late},
		{"trust is withdrawn", (*story).withdrawTrust, late},
		{"a rule is withdrawn", (*story).withdrawRule, late},
		{"connections stay open", (*story).count, "16 connections were to stay open, but 0 were opened"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			st, _ := openFake(t, func(exchange) int { return 200 })
			ctx, cancel := context.WithTimeout(t.Context(), 20*glance)
			defer cancel()
			s := &story{teller: newTeller(writerFunc(discard)), stage: st, crowd: newCrowd(st, st.acmeCert)}
			defer s.crowd.end()
			s.acme, s.billing, s.globex = st.caller(st.acmeCert), st.caller(st.billingCert), st.caller(st.globexCert)
			for _, c := range []*caller{s.acme, s.billing, s.globex} {
				defer c.hangUp()
			}
			if err := test.scene(s, ctx); err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q in it", err, test.err)
			}
		})
	}
}
