package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/config"
)

func TestArgumentsThatAreWrongAreNamed(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--namespace a", "did you mean --namespaces?"},
		{"--namespaces A", `--namespaces has "A", which is no name of a namespace`},
		{"--listen nowhere", `--listen is "nowhere"; write HOST:PORT, :PORT or off`},
		{"--log-format xml", `--log-format is "xml"; write json or text`},
		{"--log-level loud", `--log-level is "loud"; write info or debug`},
		{"--lease-name A/B", `--lease-name is "A/B"`},
		{"--lease-namespace A", `--lease-namespace is "A"`},
		{"--pod-name A/B", `--pod-name is "A/B"; write the name of the pod`},
		{"--leader-elect=perhaps", "invalid boolean value"},
		{"run", `"run" is no flag`},
		{"--lease-namespace ns --pod-name p", "name a cluster with --kubeconfig FILE"},
		{"--lease-namespace ns --pod-name p --kubeconfig /nowhere/config", "find the API server"},
	} {
		t.Setenv("KUBERNETES_SERVICE_HOST", "")
		var stdout, stderr bytes.Buffer
		code := execute(t.Context(), strings.Fields(c.args), &stdout, &stderr)
		if code != 2 || !strings.Contains(stderr.String(), c.want) || stdout.Len() > 0 {
			t.Errorf("%s: code %d, stdout %q, stderr %q; want 2 and %q", c.args, code, stdout.String(), stderr.String(), c.want)
		}
	}
}

func TestHelpAndVersionGoToStdout(t *testing.T) {
	for args, want := range map[string]string{"-h": helpText, "--help": helpText, "help": helpText, "version": "sidegate-controller ", "--version": "sidegate-controller "} {
		var stdout, stderr bytes.Buffer
		if code := execute(t.Context(), []string{args}, &stdout, &stderr); code != 0 || stderr.Len() > 0 || !strings.HasPrefix(stdout.String(), want) {
			t.Errorf("%s: code %d, stdout %q, stderr %q", args, code, stdout.String(), stderr.String())
		}
	}
}

func TestOptionsComeFromFlagsAndThenFromThePod(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"POD_NAME": "controller-0", "POD_NAMESPACE": "sidegate"}[name]
	}
	o, err := parseOptions(strings.Fields("--namespaces a,b,,a --listen off --log-format text"), env)
	must(t, err)
	want := options{namespaces: []string{"a", "b"}, leaderElect: true, leaseNamespace: "sidegate", leaseName: "sidegate-controller", identity: "controller-0"}
	want.log = config.Default().Log
	want.log.Format = config.LogText
	if diff := cmp.Diff(want, o, cmp.AllowUnexported(options{})); diff != "" {
		t.Error(diff)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	source, err := os.ReadFile("options.go")
	must(t, err)
	found := 0
	for line := range strings.Lines(string(source)) {
		_, rest, ok := strings.Cut(line, "Var(")
		if !ok || !strings.Contains(line, "fs.") {
			continue
		}
		name := strings.Split(rest, `"`)[1]
		found++
		if !strings.Contains(helpText, "--"+name) {
			t.Errorf("the help does not name --%s", name)
		}
	}
	if found < 9 {
		t.Errorf("%d flags were found in the source", found)
	}
}

func TestLogLinesOfLibrariesAreOurs(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, config.Default().Log)
	log.Info("hello", "key", "value")
	log.V(1).Info("not at this level")
	var line map[string]any
	must(t, json.Unmarshal(out.Bytes(), &line))
	if line["msg"] != "hello" || line["key"] != "value" || line["level"] != "INFO" {
		t.Errorf("line %v", line)
	}
}

func TestTwoControllersWithoutAPodNameAreTwo(t *testing.T) {
	host, err := os.Hostname()
	must(t, err)
	nothing := func(string) string { return "" }
	first, err := parseOptions([]string{"--lease-namespace", "ns"}, nothing)
	must(t, err)
	second, err := parseOptions([]string{"--lease-namespace", "ns"}, nothing)
	must(t, err)
	if first.identity == second.identity || !strings.HasPrefix(first.identity, host+"-") {
		t.Errorf("on host %q they are %q and %q", host, first.identity, second.identity)
	}
}
