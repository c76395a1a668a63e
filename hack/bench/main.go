// Bench measures what Sidegate costs beside other proxies that do the same job:
// mutual TLS in, one exact Subject let in, that Subject told to an application on
// loopback. From the root of the repository:
//
//	make bench                                            all of it, and docs/benchmarks.md
//	go run ./hack/bench -quick                            all of it, roughly, within a minute
//	go run ./hack/bench -only get,post -peers sidegate,nginx
//	go run ./hack/bench -sidegate PATH                    a binary that is there already
//	go run ./hack/bench -only get -cpuprofile bin/profiles
//
// Each proxy is a process of its own, whose CPU time and memory are read from the
// operating system; so is the application. This process is the client of all of
// them. A row is one kind of work, and rows.go is the table of them. For each row
// the proxies take turns, round after round, and the median of the rounds counts,
// so that a machine that slows down slows down all of them.
//
// Read on in this order:
//
//	rows.go       what is measured, and the goals; idle.go is for memory
//	run.go        rounds and turns
//	peers.go      the proxies, their configurations in configs/; install.go gets them
//	process.go    one running proxy; proc.go reads what it used
//	job.go        the proof that a proxy does its job, before it is timed
//	load.go       workers for a while; workers.go says what each does, and
//	              http1.go and http2.go are the clients that it does it with
//	app.go        the application behind
//	stats.go      medians, ratios, verdicts
//	page.go       the tables; explanations.md says why a goal is missed
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// execute runs the benchmark, or the application if args say so.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 1 && args[0] == appCommand {
		return serveApp(os.Stdin, stdout)
	}
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	if err := allowManyFiles(); err != nil {
		return err
	}
	b := &bench{options: o, log: stderr}
	defer b.close()
	if err := b.open(ctx); err != nil {
		return err
	}
	res, err := b.run(ctx)
	if err != nil {
		return err
	}
	text := res.render()
	if o.page == "" {
		_, err = io.WriteString(stdout, text)
		return err
	}
	return writePage(o.page, text)
}

// options are what the flags say.
type options struct {
	only, peers []string // names; empty: all
	rounds      int
	warm        time.Duration // load before the clock starts
	window      time.Duration // load that counts
	idle        int           // connections
	settle      time.Duration // before memory is read
	quick       bool
	sidegate    string // binary; empty: build one
	profiles    string // directory; empty: none
	page        string // file; empty: print to stdout
	peersDir    string // where built peers are kept
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{rounds: 3, warm: 400 * time.Millisecond, window: 1500 * time.Millisecond, idle: 2000, settle: 35 * time.Second}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	list := func(target *[]string, name, usage string) {
		fs.Func(name, usage, func(s string) error { *target = strings.Split(s, ","); return nil })
	}
	list(&o.only, "only", "`rows` to run, with commas: "+strings.Join(rowNames(), " "))
	list(&o.peers, "peers", "`proxies` to run, with commas: "+strings.Join(peerNames(), " "))
	fs.BoolVar(&o.quick, "quick", false, "one short round: for development, not for figures")
	fs.IntVar(&o.rounds, "rounds", o.rounds, "turns of each proxy at each row")
	fs.DurationVar(&o.window, "window", o.window, "how long one turn counts")
	fs.IntVar(&o.idle, "idle", o.idle, "idle connections")
	fs.DurationVar(&o.settle, "settle", o.settle, "wait before memory is read")
	fs.StringVar(&o.sidegate, "sidegate", "", "sidegate `binary` (built if empty)")
	fs.StringVar(&o.profiles, "cpuprofile", "", "leave CPU and heap profiles of sidegate in `directory`")
	fs.StringVar(&o.page, "page", "", "write the tables into this `file`, between its marks")
	fs.StringVar(&o.peersDir, "cache", "bin/peers", "`directory` for the proxies that are built from source")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("bench takes flags only, but got %q", fs.Arg(0))
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.quick {
		o.hurry(given)
	}
	return o, o.check()
}

// hurry shortens what was not given.
func (o *options) hurry(given map[string]bool) {
	o.warm = 200 * time.Millisecond
	if !given["rounds"] {
		o.rounds = 1
	}
	if !given["window"] {
		o.window = 600 * time.Millisecond
	}
	if !given["idle"] {
		o.idle = 300
	}
	if !given["settle"] {
		o.settle = time.Second
	}
}

func (o *options) check() error {
	part := o.quick || o.only != nil || o.peers != nil
	switch {
	case o.rounds < 1 || o.idle < 1 || o.window <= 0 || o.settle < 0:
		return errors.New("-rounds, -idle and -window must be above 0")
	case o.page != "" && (part || o.profiles != ""):
		return errors.New("-page is for whole runs: leave out -quick, -only, -peers and -cpuprofile")
	case o.sidegate != "" && o.profiles != "":
		return errors.New("-cpuprofile needs a sidegate built for it: leave out -sidegate")
	}
	return errors.Join(known("row", o.only, rowNames()), known("proxy", o.peers, peerNames()))
}

// known complains about names that are not in all.
func known(what string, names, all []string) error {
	for _, name := range names {
		if !wanted(name, all) || len(all) == 0 {
			return fmt.Errorf("there is no %s %q; there are %s", what, name, strings.Join(all, ", "))
		}
	}
	return nil
}

// allowManyFiles raises the limit for this process and those it starts: an idle
// connection is a file at both ends.
func allowManyFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}
