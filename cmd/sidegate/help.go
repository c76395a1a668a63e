package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/config"
)

// help prints the text about a command, or about all of them.
func help(args []string, out io.Writer) error {
	switch len(args) {
	case 0:
		_, err := io.WriteString(out, overview())
		return err
	case 1:
		if args[0] == "help" {
			return help(nil, out)
		}
		c, err := find(args[0])
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, c.help)
		return err
	}
	return misuseOf("sidegate help", errors.New("help is about one command at a time"))
}

// overview is what "sidegate help" prints.
func overview() string {
	var b strings.Builder
	b.WriteString(`sidegate - mutual TLS at the side of a pod

Usage:
    sidegate COMMAND [ARGUMENT...]

Commands:
`)
	for _, c := range commands() {
		fmt.Fprintf(&b, "    %-9s %s\n", c.name, c.summary)
	}
	b.WriteString(`    help      explain a command: sidegate help COMMAND

Exit codes: 0 fine, 1 a finding or a failure at run time, 2 wrong use or
configuration. Results go to stdout, logs and errors to stderr.
`)
	return b.String()
}

// newFlags returns the flag set of a command. It prints nothing by itself.
func newFlags(command string) *flag.FlagSet {
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// parseFlags reads args, flags and operands in any order, and returns the
// operands. Behind "--" everything is an operand.
func parseFlags(fs *flag.FlagSet, args []string) ([]string, error) {
	var operands []string
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			return nil, flagError(fs, args, err)
		}
		rest := fs.Args()
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(operands, rest...), nil
		}
		if len(rest) == 0 {
			break
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
	return operands, nil
}

// refuseEmpty is an error if a flag was given without a value, as a variable that
// is not set leaves it in a script. Without --ca, say, something else would be
// trusted than was meant.
func refuseEmpty(fs *flag.FlagSet) error {
	var empty []string
	fs.Visit(func(f *flag.Flag) {
		list, isList := f.Value.(*texts)
		if f.Value.String() == "" || isList && slices.Contains(*list, "") {
			empty = append(empty, "--"+f.Name)
		}
	})
	if len(empty) == 0 {
		return nil
	}
	return misuseOf("sidegate help "+fs.Name(), fmt.Errorf("%s: the value is empty", strings.Join(empty, ", ")))
}

// flagError adds to err, of parsing args, what may have been meant, and where to
// read more.
func flagError(fs *flag.FlagSet, args []string, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	wrong := args[max(0, len(args)-fs.NArg()-1)] // the last one looked at; malformed ones are left in place
	name, _, _ := strings.Cut(strings.TrimLeft(wrong, "-"), "=")
	if strings.HasPrefix(wrong, "-") && fs.Lookup(name) == nil {
		err = fmt.Errorf("%s has no flag %q", fs.Name(), wrong)
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		if near, ok := config.Nearest(name, names); ok {
			err = fmt.Errorf("%w; did you mean --%s?", err, near)
		}
	}
	return misuseOf("sidegate help "+fs.Name(), err)
}

// texts is a flag that may be given several times.
type texts []string

// String implements flag.Value.
func (t *texts) String() string { return strings.Join(*t, " ") }

// Set implements flag.Value.
func (t *texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}
