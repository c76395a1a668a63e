package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestTheDockerfileSaysTheSame(t *testing.T) {
	dockerfile, err := readDockerfile(repository + "/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	opts := mustParse(t, "-version", "v1.2.3", "-revision", "0123abcd", "-created", "1700000000")
	args := map[string]string{
		"VERSION": "v1.2.3", "REVISION": "0123abcd", "CREATED": "2023-11-14T22:13:20Z",
	}
	for _, p := range products {
		t.Run(p.command, func(t *testing.T) {
			s, there := dockerfile[p.command]
			if !there {
				t.Fatalf("it has no stage %q", p.command)
			}
			if s.from != "scratch" {
				t.Errorf("the stage begins with %q, want scratch", s.from)
			}
			got, err := s.config(args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(image{product: p, opts: opts}.config(), got); diff != "" {
				t.Errorf("the Dockerfile makes another image (-builder +Dockerfile):\n%s", diff)
			}
			want := []string{fmt.Sprintf("--from=build-%s /out/%[1]s /%[1]s", p.command)}
			if diff := cmp.Diff(want, s.values("COPY")); diff != "" {
				t.Errorf("what it copies (-want +got):\n%s", diff)
			}
			checkGoBuild(t, dockerfile, p)
		})
	}
}

// checkGoBuild compares the flags of the compiler with those of goBuild.
func checkGoBuild(t *testing.T, dockerfile map[string]stage, p product) {
	t.Helper()
	run := strings.Join(dockerfile["build-"+p.command].values("RUN"), "\n")
	want := fmt.Sprintf(`go build -ldflags "-s -w -X main.version=$VERSION" -o /out/%s ./cmd/%[1]s`, p.command)
	if !strings.Contains(run, want) {
		t.Errorf("the stage build-%s runs %q, want %q in it", p.command, run, want)
	}
	env := strings.Join(dockerfile["source"].values("ENV"), "\n")
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "-buildvcs=false"} {
		if !strings.Contains(env, want) {
			t.Errorf("the environment of the compiler, %s, lacks %s", env, want)
		}
	}
}

// A stage is one FROM of a Dockerfile with its instructions.
type stage struct {
	from         string
	instructions [][2]string // the word and the rest, in order
}

// readDockerfile reads as much of the language as our file uses, by the name
// of the stage.
func readDockerfile(file string) (map[string]stage, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	stages, name := map[string]stage{}, ""
	text := strings.ReplaceAll(string(content), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		s := stages[name]
		if word == "FROM" {
			from, as, named := strings.Cut(rest, " AS ")
			if !named {
				return nil, fmt.Errorf("a stage has no name: %q", line)
			}
			s, name = stage{from: from}, as
		}
		s.instructions = append(s.instructions, [2]string{word, rest})
		stages[name] = s
	}
	return stages, nil
}

// values are the rests of all instructions that begin with word.
func (s stage) values(word string) (values []string) {
	for _, i := range s.instructions {
		if i[0] == word {
			values = append(values, i[1])
		}
	}
	return values
}

var labelForm = regexp.MustCompile(`^([a-z.]+)="([^"]*)"`)

// config is how a container of the stage is started, if it is built with args.
func (s stage) config(args map[string]string) (v1.Config, error) {
	var c v1.Config
	for _, i := range s.instructions {
		var err error
		switch value := i[1]; i[0] {
		case "FROM", "COPY", "ARG":
		case "USER":
			c.User = value
		case "ENTRYPOINT":
			err = json.Unmarshal([]byte(value), &c.Entrypoint)
		case "CMD":
			err = json.Unmarshal([]byte(value), &c.Cmd)
		case "EXPOSE":
			c.ExposedPorts = exposed(value)
		case "LABEL":
			c.Labels, err = labels(value, args)
		default:
			err = fmt.Errorf("this test does not know what it does")
		}
		if err != nil {
			return c, fmt.Errorf("%s %s: %w", i[0], i[1], err)
		}
	}
	return c, nil
}

func exposed(list string) map[string]struct{} {
	ports := map[string]struct{}{}
	for port := range strings.FieldsSeq(list) {
		ports[port+"/tcp"] = struct{}{}
	}
	return ports
}

// labels reads the pairs of a LABEL instruction and puts args into them.
func labels(list string, args map[string]string) (map[string]string, error) {
	labels := map[string]string{}
	for list != "" {
		pair := labelForm.FindStringSubmatch(list)
		if pair == nil {
			return nil, fmt.Errorf("not a label: %q", list)
		}
		labels[pair[1]] = os.Expand(pair[2], func(name string) string { return args[name] })
		list = strings.TrimSpace(list[len(pair[0]):])
	}
	return labels, nil
}
