// Sidegate is the gate at the side of a pod: it terminates mutual TLS, lets in
// the client certificates whose Subject is on the list, tells the application
// who called, and takes new certificates and a new configuration into use
// without a restart.
//
// Each command has a file of its own and a line in the table below. A command
// is a function from arguments and streams to an error; only main ends the
// process, with one of three exit codes that scripts may rely on:
//
//	0  fine
//	1  a finding, or a failure at run time
//	2  a wrong use or configuration: trying again changes nothing
//
// Results go to stdout; logs and errors go to stderr, one a line.
//
// The sidecar itself (sidegate run) is put together in this order:
//
//	run.go       arguments → config.Config; signals
//	settings.go  config.Ingress → what packages certs and proxy want to know
//	keeper.go    a listener and its certificates, kept fresh: the half that is common to
//	             gate.go, one ingress, and outlet.go, one egress
//	sidecar.go   all of them, opened before any is served; drained at the end
//	reload.go    the configuration file changed: everything of it, or nothing
//	memory.go    what a burst needed is given back when it is over
//	health.go    what probes and Prometheus are told; status.go, what people are
//
// What is in demo*.go runs the same sidecar in one process with its callers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

func main() {
	stopProfile := startProfile()
	code := execute(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stopProfile()
	os.Exit(code)
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// A command is one word after "sidegate".
type command struct {
	name    string
	summary string // one line, for the list of commands
	help    string // the whole text of "sidegate help NAME"
	run     func(ctx context.Context, args []string, std streams) error
}

// commands returns every command but help, in the order in which a user meets
// them.
func commands() []command {
	return []command{
		{"run", "serve: mutual TLS in, the application behind", runHelp, run},
		{"drain", "announce the end of a running sidegate, so that clients leave it in time", drainHelp, drain},
		{"demo", "see it work in one process, on throw-away certificates", demoHelp, demo},
		{"csr", "make a private key and the request for a certificate of it", csrHelp, makeRequest},
		{"check", "find what is wrong with certificates, before a peer does", checkHelp, runCheck},
		{"probe", "call a TLS server: its certificates, and whether it lets us in", probeHelp, probeServer},
		{"subject", "print the Subject of certificates, ready to paste into a rule", subjectHelp, printSubjects},
		{"version", "print the version of Sidegate and of Go", versionHelp, printVersion},
	}
}

// execute runs the command that args name and returns the exit code.
func execute(ctx context.Context, args []string, std streams) int {
	err := dispatch(ctx, args, std)
	wrong, isMisuse := errors.AsType[*misuseError](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFindings):
		return 1
	case isMisuse:
		printError(std.err, err) // there may be more than one
		if wrong.see != "" {
			fmt.Fprintf(std.err, "sidegate: see %q\n", wrong.see)
		}
		return 2
	}
	printError(std.err, err)
	return 1
}

func dispatch(ctx context.Context, args []string, std streams) error {
	if len(args) == 0 {
		return misuseOf("sidegate help", errors.New("a command is missing"))
	}
	if slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "-----BEGIN") }) { // a key, perhaps, and no error may quote it
		return misuse(errors.New("the contents of a file were given where its name is wanted"))
	}
	name := args[0]
	switch name {
	case "help", "-h", "-help", "--help":
		return help(args[1:], std.out)
	case "-version", "--version":
		name = "version"
	}
	c, err := find(name)
	if err != nil {
		return err
	}
	err = c.run(ctx, args[1:], std)
	if errors.Is(err, flag.ErrHelp) {
		return help([]string{c.name}, std.out)
	}
	return err
}

// find returns the command called name.
func find(name string) (command, error) {
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	err := fmt.Errorf("there is no command %q", name)
	if near, ok := config.Nearest(name, names); ok {
		err = fmt.Errorf("%w; did you mean %q?", err, near)
	}
	return command{}, misuseOf("sidegate help", err)
}

// errFindings is that of a command whose report, on stdout, tells of what was
// found: there is nothing to add to it.
var errFindings = errors.New("there are findings")

// A misuseError is an error that lies in what the user wrote: exit code 2.
type misuseError struct {
	err error
	see string // the command that tells more; may be empty
}

func (e *misuseError) Error() string { return e.err.Error() }
func (e *misuseError) Unwrap() error { return e.err }

// misuse marks err as one that the user mends in arguments, configuration or
// certificates.
func misuse(err error) error { return misuseOf("", err) }

// misuseOf is misuse for arguments: the help of a command tells more.
func misuseOf(see string, err error) error { return &misuseError{err, see} }

// printError writes a line for each error that err joins. Names in it may come from
// anybody, and must not speak to the terminal.
func printError(w io.Writer, err error) {
	text := err.Error()
	for _, name := range fileNames(err) { // in which a line break would begin a line
		text = strings.ReplaceAll(text, name, visible(name))
	}
	for line := range strings.Lines(text) {
		fmt.Fprintf(w, "sidegate: %s\n", visible(strings.TrimSuffix(line, "\n")))
	}
}

// fileNames returns the names of files that the text of err has as they are.
func fileNames(err error) (names []string) {
	switch e := err.(type) { //nolint:errorlint // this is what walks the tree
	case *certs.Fault:
		names = append(names, e.File)
	case *fs.PathError:
		names = append(names, e.Path)
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			names = append(names, fileNames(one)...)
		}
	case interface{ Unwrap() error }:
		names = append(names, fileNames(e.Unwrap())...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(name, "\n") })
}

// visible returns s with what is not seen, or moves what is, escaped.
func visible(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && s[i] != "\uFFFD"[0]:
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			out.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return out.String()
}
