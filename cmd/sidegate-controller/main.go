// Sidegate-controller is the optional helper of a cluster in which pods run
// the Sidegate sidecar. It does two things, both by reading metadata:
//
//   - A kubelet brings a changed Secret into a running pod 60 to 90 seconds
//     later, unless the pod itself changes. So when a Secret or ConfigMap changes
//     that a sidecar mounts, the controller changes one annotation of that pod,
//     sidegate.dev/synced-generation, and the kubelet looks at once.
//   - It reads the certificates in those objects with the sidecar's own parser,
//     and tells of what is wrong or about to expire: as Events on the object and
//     on the pods that mount it, and as metrics.
//
// Sidecars need neither: without the controller a renewal takes a minute more,
// and a fault is in their logs and metrics alone.
//
// What is known goes through these files, from the API server and back to it:
//
//	options.go     arguments → options
//	run.go         everything put together, and the end of it
//	watch.go       the caches: metadata of pods, Secrets and ConfigMaps;
//	               scope.go, those of one namespace
//	transform.go   all that a cache keeps of an object
//	references.go  annotations of a pod → the objects that it mounts
//	generation.go  those objects → the value of the annotation
//	sync.go        the pods that are behind are touched
//	inspect.go     one object: read whole, judged, dropped; looked at again in time
//	judge.go       contents → findings; expiry.go, those that time brings; lists.go,
//	               those in revocation lists
//	notify.go      findings → Events
//	pace.go        how often a pod is touched, and people are told
//	metrics.go     every metric name; health.go, who may read them
//	leader.go      of several controllers, one acts
//
// The exit codes are those of sidegate: 0 fine, 1 a failure at run time, such as
// a lost lease, 2 a wrong use. Logs and errors go to stderr.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// execute does what args say and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := dispatch(ctx, args, stdout, stderr)
	_, isMisuse := errors.AsType[*misuseError](err)
	switch {
	case err == nil:
		return 0
	case isMisuse:
		printError(stderr, err)
		fmt.Fprintln(stderr, `sidegate-controller: see "sidegate-controller -h"`)
		return 2
	}
	printError(stderr, err)
	return 1
}

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 1 {
		switch args[0] {
		case "version", "-version", "--version":
			_, err := fmt.Fprintf(stdout, "sidegate-controller %s (%s)\n", buildVersion(), runtime.Version())
			return err
		case "help":
			args = []string{"-h"}
		}
	}
	o, err := parseOptions(args, os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(stdout, helpText)
		return err
	}
	if err != nil {
		return err
	}
	return run(ctx, o, stderr)
}

// A misuseError is an error that lies in what the user wrote: exit code 2.
type misuseError struct{ err error }

func (e *misuseError) Error() string { return e.err.Error() }
func (e *misuseError) Unwrap() error { return e.err }

func misuse(err error) error { return &misuseError{err} }

// printError writes a line for each error that err joins.
func printError(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "sidegate-controller: %s\n", strings.TrimSuffix(line, "\n"))
	}
}
