package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

const checkHelp = `sidegate check - find what is wrong with certificates, before a peer does

Usage:
    sidegate check PATH... [--key FILE]
    sidegate check --certificate PATH [--key FILE] [PATH...]
    sidegate check --config FILE [--client PATH]
    sidegate check --client-ca PATH... --client PATH [--allow-subject DN...]
    sidegate check --client-ca PATH... [--crl PATH...]

PATH is a file (PEM, or DER for certificates and revocation lists), a directory
as Kubernetes mounts a Secret, or a file with manifests of Secrets and ConfigMaps. What each is, and
what belongs together, is found out by looking. A flag that is marked with ...
may be given several times.

    --certificate PATH    what is served: a directory with tls.crt and tls.key, or
                          a file; each PATH beside it may complete its chain
    --key FILE            its private key, if that is not with it
    --config FILE         every ingress and egress of a configuration, with the
                          paths that are in it
    --ca PATH...          the CAs that the other side trusts
    --host NAME...        a name by which the server is called
    --client PATH         a client's certificate: would it be let in, by which
                          rule, and if not, exactly why
    --client-ca PATH...   the CAs of the clients
    --crl PATH...         the revocation lists of these CAs
    --allow-subject DN... whom to let in
    --within TIME         an end that is nearer is a finding: 30d, 4w or 720h
                          (default 30d, but at most a third of the life; of a
                          revocation list, at most a tenth of its life)
    --fix-bundle OUT      write a new file with leaf and intermediates, in order
    --reminder            print an iCalendar file with the date of the renewal,
                          30 days (or --within) ahead; findings go to stderr
    -o text|json          for people (the default), or for scripts

The exit code is 1 if there is an error (it will not work) or a warning (some
peers will refuse it, or all of them soon), and 0 if there are only notes.
docs/check.md explains every word that is printed.
`

// checkFlags are the flags of sidegate check.
type checkFlags struct {
	config, within, format, fixBundle string
	allow                             texts
	reminder                          bool
	options                           check.Options
}

// runCheck is the command check.
func runCheck(_ context.Context, args []string, std streams) error {
	var f checkFlags
	if err := f.parse(args); err != nil {
		return err
	}
	if f.config != "" {
		cfg, err := config.Load(f.config)
		if err != nil {
			return misuse(err)
		}
		f.options.Config = cfg
	}
	report := check.Run(f.options)
	if f.fixBundle != "" {
		if err := writeBundle(report, f.fixBundle); err != nil {
			return errors.Join(report.WriteFindings(std.err), err)
		}
		fmt.Fprintf(std.err, "sidegate: wrote %q\n", f.fixBundle)
	}
	if err := f.print(report, std); err != nil {
		return err
	}
	switch {
	case !report.Failed():
		return nil
	case f.reminder: // the calendar has no summary
		return fmt.Errorf("check: %s", report.Summary())
	}
	return errFindings
}

// print writes report in the form that was asked for.
func (f *checkFlags) print(report *check.Report, std streams) error {
	switch {
	case f.reminder:
		calendar, err := report.Calendar()
		if err == nil {
			_, err = std.out.Write(calendar)
		}
		return errors.Join(report.WriteFindings(std.err), err)
	case f.format == "json":
		return report.WriteJSON(std.out)
	}
	return report.WriteText(std.out)
}

// parse reads args.
func (f *checkFlags) parse(args []string) error {
	o := &f.options
	fs := newFlags("check")
	for name, value := range map[string]*string{
		"config": &f.config, "certificate": &o.Certificate, "key": &o.Key, "client": &o.Client,
		"within": &f.within, "fix-bundle": &f.fixBundle,
	} {
		fs.StringVar(value, name, "", "")
	}
	for name, value := range map[string]*[]string{"ca": &o.CA, "client-ca": &o.ClientCA, "crl": &o.CRL, "host": &o.Hosts} {
		fs.Var((*texts)(value), name, "")
	}
	fs.Var(&f.allow, "allow-subject", "")
	fs.BoolVar(&f.reminder, "reminder", false, "")
	fs.StringVar(&f.format, "o", "text", "")
	var err error
	if o.Paths, err = parseFlags(fs, args); err != nil {
		return err
	}
	if err = refuseEmpty(fs); err != nil {
		return err
	}
	if err = f.together(); err == nil {
		err = f.read()
	}
	if err != nil {
		return misuseOf("sidegate help check", err)
	}
	return nil
}

// together says which flags miss each other, or do not go together.
func (f *checkFlags) together() error {
	o := &f.options
	alone := o.Certificate + o.Key + strings.Join(o.ClientCA, "") + strings.Join(f.allow, "")
	switch {
	case f.config != "" && alone != "":
		return errors.New("--config has --certificate, --key, --client-ca and --allow-subject in it; give it alone, or these")
	case f.config+o.Certificate+o.Client == "" && len(o.Paths)+len(o.ClientCA) == 0:
		return errors.New("check needs something to look at: files, a directory, --certificate, or --config FILE")
	case o.Key != "" && o.Certificate == "" && len(o.Paths) == 0:
		return errors.New("--key goes with a certificate; name that as well")
	case o.Client != "" && f.config == "" && len(o.ClientCA) == 0:
		return errors.New("--client needs --config FILE, or --client-ca with the CAs that would have to vouch for it")
	case len(o.CRL) > 0 && len(o.ClientCA) == 0:
		return errors.New("--crl goes with --client-ca, whose CAs the lists must be of; name a list alone as PATH, and with --config those in crl are looked at")
	case len(f.allow) > 0 && o.Client == "":
		return errors.New("--allow-subject goes with --client")
	case f.format != "text" && f.format != "json":
		return fmt.Errorf("-o %q is none of text and json", f.format)
	case f.reminder && f.format == "json":
		return errors.New("--reminder prints an iCalendar file; leave out -o json")
	}
	return nil
}

// read reads the flags whose values are more than text.
func (f *checkFlags) read() (err error) {
	if f.within != "" {
		if f.options.Within, err = parseDays(f.within); err != nil {
			return fmt.Errorf("--within %q: %w", f.within, err)
		}
	}
	for i, dn := range f.allow {
		name, err := subject.Parse(dn)
		if err != nil {
			return fmt.Errorf("--allow-subject %w", err)
		}
		if f.options.Allow == nil {
			f.options.Allow = &policy.Policy{}
		}
		rule := policy.Rule{Name: fmt.Sprintf("rule-%d", i+1), Subjects: []subject.Name{name}}
		f.options.Allow.Rules = append(f.options.Allow.Rules, rule)
	}
	return nil
}

// maxDays bounds a time ahead; no certificate lives as long.
const maxDays = 36500

// parseDays reads a duration that may also be in days or weeks.
func parseDays(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	unit := map[byte]time.Duration{'d': day, 'w': 7 * day}[(" " + s)[len(s)]]
	d, err := time.ParseDuration(s)
	if unit > 0 {
		var n int
		n, err = strconv.Atoi(s[:len(s)-1])
		d = time.Duration(min(n, maxDays+1)) * unit
	}
	if err != nil || d <= 0 || d > maxDays*day {
		return 0, errors.New("is no time ahead; write days, weeks or hours, such as 30d, 4w or 720h")
	}
	return d, nil
}

// writeBundle writes what report makes of the certificates into a new file.
func writeBundle(report *check.Report, path string) error {
	bundle, err := report.Bundle()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return misuse(fmt.Errorf("write bundle: %q exists and is not overwritten; name another file", path))
	}
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	_, err = f.Write(bundle)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write bundle %q: %w", path, errors.Join(err, os.Remove(path)))
	}
	return nil
}
