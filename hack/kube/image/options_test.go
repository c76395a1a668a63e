package main

import (
	"bytes"
	"errors"
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testSource = "testdata/source"

func TestWhatCannotBeBuiltIsRefusedByName(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string // every line of the message has to be found by a user
	}{
		{"-versoin v1", "not defined: -versoin"},
		{"-version=", `-version ""`},
		{"-version v1;touch", `-version "v1;touch": write letters`},
		{"-version v1.0.0+dirty", `no container runtime takes the name "sidegate/sidegate:v1.0.0+dirty", which -name and -tag (or -version) make`},
		{"-tag feature/x", "feature/x"},
		{"-name Upper/case", "Upper/case/sidegate"},
		{"-revision a'b", `-revision "a'b": write the hash`},
		{"-created yesterday", `-created (or SOURCE_DATE_EPOCH) "yesterday": write seconds`},
		{"-created -5", `-created (or SOURCE_DATE_EPOCH) "-5"`},
		{"-platforms linux", `"linux" is not linux/ARCH`},
		{"-platforms windows/amd64", `"windows/amd64" is not linux/ARCH`},
		{"-platforms linux/arm/v7", `"linux/arm/v7" is not linux/ARCH`},
		{"-platforms linux/amd64,", `"" is not linux/ARCH`},
		{"-platforms linux/amd64,linux/amd64", "linux/amd64 is there twice"},
		{"sidegate-contoller", `no image for the command "sidegate-contoller": give some of sidegate, sidegate-controller`},
		{"sidegate-controller", `no image for the command "sidegate-controller"`}, // it has no source there
		{"-source /nowhere", `-source "/nowhere" is not the root of the repository`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := append([]string{"-source", testSource}, strings.Fields(tt.args)...)
			_, err := parse(args, "", new(bytes.Buffer))
			if !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parse: %v (%T), want a usageError with %q in it", err, err, tt.want)
			}
		})
	}
}

func TestWhatIsNotSaidIsTheSameOnEveryMachine(t *testing.T) {
	got := mustParse(t)
	if got.version != "unknown" || got.tag != "unknown" || !got.created.Equal(time.Unix(0, 0)) {
		t.Errorf("version %q, tag %q, created %s; want unknown, unknown and 1970", got.version, got.tag, got.created)
	}
	var platforms []string
	for _, p := range got.platforms {
		platforms = append(platforms, p.String())
	}
	if s := strings.Join(platforms, " "); s != "linux/amd64 linux/arm64" {
		t.Errorf("platforms %s, want linux/amd64 and linux/arm64", s)
	}
	if want := filepath.Join("..", "..", "bin", "images"); got.out != want {
		t.Errorf("out %q, want %q", got.out, want)
	}
}

func TestTheTimeOfAnImage(t *testing.T) {
	want := time.Unix(1700000000, 0).UTC()
	for _, s := range []string{"1700000000", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00"} {
		if got, err := readTime(s); err != nil || got != want {
			t.Errorf("readTime(%q) = %s, %v; want %s", s, got, err, want)
		}
	}
	got, err := parse([]string{"-source", testSource}, "1700000000", new(bytes.Buffer))
	if err != nil || got.created != want {
		t.Errorf("created %s, %v; want what SOURCE_DATE_EPOCH says: %s", got.created, err, want)
	}
	if got := mustParse(t, "-created", "0"); got.created.Unix() != 0 {
		t.Errorf("created %s; want what -created says", got.created)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	var out bytes.Buffer
	if _, err := parse([]string{"-h"}, "", &out); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("parse: %v, want flag.ErrHelp", err)
	}
	for _, name := range []string{"out", "name", "tag", "version", "revision", "created", "platforms", "source"} {
		if !strings.Contains(out.String(), "\n    -"+name+" ") {
			t.Errorf("the help does not tell about -%s", name)
		}
	}
}

// mustParse reads args as if they were given for the small program in testdata.
func mustParse(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parse(append([]string{"-source", testSource}, args...), "", new(bytes.Buffer))
	if err != nil {
		t.Fatalf("parse %q: %v", args, err)
	}
	return o
}
