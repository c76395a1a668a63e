package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is sidegate too, when it is called by that name; the
// directory that it is found in is in the PATH of scripts and tests.
func TestMain(m *testing.M) {
	// Under the race detector each process would sleep for a second at its end.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	testscript.Main(m, map[string]func(){"sidegate": main})
}

// Every script finds the files of a world in its directory, the address of an
// application in $APP and that of a partner in $PARTNER. Beside the usual commands
// there are:
//
//	await FILE REGEXP               wait until FILE has a line that matches
//	call LOG CERT PATH STATUS TEXT  call the gate that writes LOG, as the holder of CERT
//	callout LOG PATH STATUS TEXT    call the first egress of the sidecar that writes LOG
//	exitcode CODE COMMAND ARG...    run the command, which has to end with CODE
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			app := httptest.NewServer(http.HandlerFunc(whoami))
			e.Defer(app.Close)
			e.Setenv("APP", app.URL)
			e.Setenv("GORACE", os.Getenv("GORACE"))
			e.Setenv("BAD", "bad\ncommand")
			p := newPKI()
			partner := newPartner(p, p.issue("api", apiOptions()), whoCalls)
			e.Defer(partner.Close)
			e.Setenv("PARTNER", partner.URL)
			e.Values["pki"] = p
			return writeScriptFiles(e.WorkDir, p, app.URL)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    scriptAwait,
			"call":     scriptCall,
			"callout":  scriptCallOut,
			"exitcode": scriptExitCode,
		},
	})
}

// writeScriptFiles writes what a script cannot have in itself: certificates, and
// the address of the application into the configuration.
func writeScriptFiles(dir string, p *pki, app string) error {
	partner := p.certs["partner"]
	files := map[string][]byte{
		"partner-and-key.pem": append(partner.KeyPEM(), partner.PEM()...),
		"bundle.pem":          append(partner.PEM(), p.ca.PEM()...),
	}
	file := filepath.Join(dir, "sidegate.yaml")
	if yaml, err := os.ReadFile(file); err == nil {
		files["sidegate.yaml"] = bytes.ReplaceAll(yaml, []byte("upstream: APP"), []byte("upstream: "+app))
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return p.write(dir)
}

// whoami is an application that says whom it was called by.
func whoami(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s by %s\n", r.Method, r.URL.Path, r.Header.Get("X-Client-Subject"))
}

// scriptExitCode is for the exit codes that scripts rely on; exec knows only zero
// and the others.
func scriptExitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE COMMAND ARG...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %q: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	awaitLine(ts, args[0], regexp.MustCompile(args[1]))
}

// awaitLine returns the first line of a file that matches, waiting for it.
func awaitLine(ts *testscript.TestScript, file string, re *regexp.Regexp) string {
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		data, _ := os.ReadFile(ts.MkAbs(file))
		for line := range strings.Lines(string(data)) {
			if strings.HasSuffix(line, "\n") && re.MatchString(line) {
				return line
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("no line of %s matches %q; it has:\n%s", file, re, data)
		}
	}
}

func scriptCall(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: call LOG CERT PATH STATUS TEXT")
	}
	var line struct{ Address string }
	ts.Check(json.Unmarshal([]byte(awaitLine(ts, args[0], regexp.MustCompile(`"what":"ingress"`))), &line))
	p := ts.Value("pki").(*pki)
	client := p.client(p.certs[args[1]])
	defer client.CloseIdleConnections()
	status, body, err := fetch(client, "https://"+line.Address+args[2])
	ts.Check(err)
	if fmt.Sprint(status) != args[3] || !strings.Contains(body, args[4]) {
		ts.Fatalf("%s %s: %d %q, want %s and %q", args[1], args[2], status, body, args[3], args[4])
	}
}
