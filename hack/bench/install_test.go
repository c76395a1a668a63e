package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestAMissingPackageIsNamed(t *testing.T) {
	_, err := findPackage(t.Context(), "no-such-proxy", "no-such-package", nil, regexp.MustCompile(""))
	if err == nil || !strings.Contains(err.Error(), "apt-get install no-such-package") {
		t.Errorf("error %v, want the command that installs it", err)
	}
}

func TestVersionsAreFoundInWhatAProgramPrints(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'proxy version: proxy/1.2' >&2\necho 'running with TLS 3.0 2026'\n"
	if err := os.WriteFile(filepath.Join(dir, "proxy"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	f, err := findPackage(t.Context(), "proxy", "proxy", nil, regexp.MustCompile(`version: \S+|running with TLS \S+`))
	if want := "proxy/1.2, running with TLS 3.0"; err != nil || f.version != want {
		t.Errorf("version %q, %v, want %q", f.version, err, want)
	}
}

// Whoever renames a field of the configuration, or of a setting, finds out here.
func TestEveryConfigurationCanBeFilledIn(t *testing.T) {
	s := &setting{variant: variant{HTTP2: true, Server: serverP256}, Dir: "/certs", Work: t.TempDir(), Port: 1234, App: "127.0.0.1:80", Root: true,
		Subject: clientSubject, SlashSubject: clientSlashSubject}
	for _, p := range peers() {
		if p.config == "" {
			continue
		}
		if err := writeConfig(p.config, s); err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.Work, p.config))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"1234", "127.0.0.1:80", "/certs/ca.pem", "/certs/" + serverP256 + ".pem", p.subject} {
			if !strings.Contains(string(text), part) {
				t.Errorf("the configuration of %s lacks %q", p.name, part)
			}
		}
	}
}
