package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// burnEnv makes the test binary use that much CPU time and then wait.
const burnEnv = "BENCH_TEST_BURN"

func TestMain(m *testing.M) {
	switch d, asked := os.LookupEnv(burnEnv); {
	case asked:
		burn(d)
	case len(os.Args) == 2 && os.Args[1] == appCommand: // started by startApp
		if err := serveApp(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
	default:
		m.Run()
	}
}

// burn counts its own CPU time, says that it is done, and lives on until its
// standard input ends.
func burn(text string) {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	for used := time.Duration(0); used < d; {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			panic(err)
		}
		used = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	fmt.Fprintln(os.Stdout, "done")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestOptionsThatDoNotGoTogether(t *testing.T) {
	for args, want := range map[string]string{
		"-only nothing":                  `no row "nothing"`,
		"-peers envoy":                   `no proxy "envoy"`,
		"-page x -quick":                 "-page is for whole runs",
		"-page x -only get":              "-page is for whole runs",
		"-page x -peers sidegate":        "-page is for whole runs",
		"-sidegate x -cpuprofile y":      "leave out -sidegate",
		"-rounds 0":                      "must be above 0",
		"get":                            "takes flags only",
		"-only get,h2 -peers sidegate":   "",
		"-page x -rounds 5 -window 3s":   "",
		"-quick -settle 0s -sidegate x":  "",
		"-only get -cpuprofile profiles": "",
	} {
		_, err := parseOptions(strings.Fields(args), io.Discard)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("bench %s: error %v, want %q", args, err, want)
		}
	}
}

func TestQuickShortensOnlyWhatIsNotGiven(t *testing.T) {
	o, err := parseOptions([]string{"-quick", "-rounds", "2", "-idle", "7"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.rounds != 2 || o.idle != 7 || o.window >= time.Second || o.settle > time.Second {
		t.Errorf("options are %+v", o)
	}
}
