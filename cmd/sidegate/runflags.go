package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/subject"
)

// runFlags are the flags of sidegate run: a file, or a small configuration of
// one ingress.
type runFlags struct {
	config string

	upstream, certificate, key, listen string
	clientCA, crl, allowSubject        texts
	http2, websocket                   bool
	health, admin, format, level       string

	given map[string]bool // by name, of the flags that were given
}

// parse reads args. What the values mean is for build, which uses the same
// rules, and the same words, as for a file.
func (f *runFlags) parse(args []string) error {
	fs := newFlags("run")
	for name, value := range map[string]*string{
		"config": &f.config, "upstream": &f.upstream, "certificate": &f.certificate, "key": &f.key, "listen": &f.listen,
		"health": &f.health, "admin": &f.admin, "log-format": &f.format, "log-level": &f.level,
	} {
		fs.StringVar(value, name, "", "")
	}
	fs.Var(&f.clientCA, "client-ca", "")
	fs.Var(&f.crl, "crl", "")
	fs.Var(&f.allowSubject, "allow-subject", "")
	fs.BoolVar(&f.http2, "http2", false, "")
	fs.BoolVar(&f.websocket, "websocket", false, "")
	operands, err := parseFlags(fs, args)
	if err != nil {
		return err
	}
	f.given = map[string]bool{}
	var others []string
	fs.Visit(func(g *flag.Flag) {
		f.given[g.Name] = true
		if g.Name != "config" {
			others = append(others, "--"+g.Name)
		}
	})
	switch {
	case len(operands) > 0:
		err = fmt.Errorf("run takes flags only, but got %q", operands[0])
	case len(f.given) == 0:
		err = errors.New("run needs --config FILE, or --upstream and what goes with it")
	case f.given["config"] && len(others) > 0:
		err = fmt.Errorf("--config and %s do not go together; write it all into the file, or use flags alone", strings.Join(others, ", "))
	case f.given["config"] && f.config == "":
		err = errors.New("--config is empty; name a file")
	default:
		return nil
	}
	return misuseOf("sidegate help run", err)
}

// A complaint is an error about the value of one flag.
type complaint struct {
	flag string // empty: about none of them
	err  error
}

// build returns the configuration that the flags describe. The error joins all
// that is wrong with them.
func (f *runFlags) build() (*config.Config, error) {
	cfg, in := config.Default(), config.DefaultIngress()
	complaints := f.read(&in)
	in.Certificate, in.Key, in.ClientCA, in.CRL, in.WebSocket = f.certificate, f.key, f.clientCA, f.crl, f.websocket
	if f.given["http2"] {
		in.HTTP2 = &f.http2
	}
	f.override("listen", &in.Listen, f.listen)
	f.override("health", &cfg.Health.Listen, f.health)
	f.override("admin", &cfg.Admin.Listen, f.admin)
	f.override("log-format", (*string)(&cfg.Log.Format), f.format)
	f.override("log-level", (*string)(&cfg.Log.Level), f.level)
	cfg.Ingress = []config.Ingress{in}

	var errs []error
	for _, c := range append(complaints, validated(&cfg, complaints)...) {
		if c.flag != "" {
			c.err = fmt.Errorf("--%s %w", c.flag, c.err)
		}
		errs = append(errs, c.err)
	}
	if len(errs) > 0 {
		return nil, misuseOf("sidegate help run", errors.Join(errs...))
	}
	return &cfg, nil
}

// read reads the flags whose values are more than text into in.
func (f *runFlags) read(in *config.Ingress) (complaints []complaint) {
	if f.upstream != "" {
		if err := in.Upstream.UnmarshalText([]byte(f.upstream)); err != nil {
			complaints = append(complaints, complaint{"upstream", err})
		}
	}
	for _, dn := range f.allowSubject {
		name, err := subject.Parse(dn)
		if err != nil {
			complaints = append(complaints, complaint{"allow-subject", err})
		}
		// A rule each, so that the log and the metrics tell them apart.
		in.Allow = append(in.Allow, config.Rule{Subject: []subject.Name{name}})
	}
	if len(f.allowSubject) == 0 {
		complaints = append(complaints, complaint{"allow-subject",
			errors.New("is required, or nobody would be let in; write the full Subject of a client, such as CN=web,O=Acme,C=BE")})
	}
	return complaints
}

// override replaces the default at target if the flag was given.
func (f *runFlags) override(name string, target *string, value string) {
	if f.given[name] {
		*target = value
	}
}

// flagOf maps the paths of the configuration to the flags that set them.
var flagOf = map[string]string{
	"ingress[0].upstream":    "upstream",
	"ingress[0].certificate": "certificate",
	"ingress[0].key":         "key",
	"ingress[0].clientCA":    "client-ca",
	"ingress[0].crl":         "crl",
	"ingress[0].listen":      "listen",
	"ingress[0].allow":       "allow-subject",
	"health.listen":          "health",
	"admin.listen":           "admin",
	"log.format":             "log-format",
	"log.level":              "log-level",
}

// validated returns what is wrong with cfg as complaints about flags. Of a flag
// that somebody complained about already nothing is said: its value was not read.
func validated(cfg *config.Config, known []complaint) (complaints []complaint) {
	faults, _ := errors.AsType[config.Errors](cfg.Validate())
	for i := range faults {
		flag := ""
		for path, name := range flagOf {
			if rest, ok := strings.CutPrefix(faults[i].Path, path); ok && (rest == "" || rest[0] == '[') {
				flag = name
			}
		}
		switch {
		case flag == "":
			complaints = append(complaints, complaint{"", &faults[i]})
		case !slices.ContainsFunc(known, func(c complaint) bool { return c.flag == flag }):
			complaints = append(complaints, complaint{flag, errors.New(faults[i].Problem)})
		}
	}
	return complaints
}
