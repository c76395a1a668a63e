// Charts keeps the Helm charts of this repository in order. As a command it
// writes the tables of values in their READMEs:
//
//	go run ./charts -w
//
// What a chart can be told is said once, in the comments of its values.yaml; the
// README repeats it between two marks, and all around them is written by hand.
// Without -w the command changes nothing, and fails if a README is stale.
//
// The tests do what helm does, with helm as a library, to every folder of
// charts/ that has a Chart.yaml: a new chart is tested as soon as it is there.
// They read testdata/CHART/cases.yaml, with values that must be taken and values
// that must be refused, and for what. They lint, render, hold what is rendered
// against golden files, against the types of the Kubernetes API and against the
// Pod Security Standard "restricted", and see to it that the sidecar of the
// library chart, of the kustomize component and of the plain manifests in
// deploy/ is the same one. After a change that is meant:
//
//	go test ./charts -update
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	write := flag.Bool("w", false, "write the READMEs instead of checking them")
	root := flag.String("charts", "../../charts", "the folder of the charts")
	flag.Parse()
	if err := run(*root, *write); err != nil {
		fmt.Fprintln(os.Stderr, "charts:", err)
		os.Exit(1)
	}
}

// run writes, or checks, the README of every chart below root.
func run(root string, write bool) error {
	dirs, err := chartDirs(root)
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		fresh, stale, err := readme(dir)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("make the README of %q: %w", dir, err))
		case !stale:
		case write:
			errs = append(errs, os.WriteFile(filepath.Join(dir, "README.md"), fresh, 0o644))
		default:
			errs = append(errs, fmt.Errorf("%s is stale; run \"go run ./charts -w\" in hack/kube", filepath.Join(dir, "README.md")))
		}
	}
	return errors.Join(errs...)
}

// chartDirs returns the folders below root that hold a chart.
func chartDirs(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "*", "Chart.yaml"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no chart below %q", root))
	}
	dirs := make([]string, len(files))
	for i, file := range files {
		dirs[i] = filepath.Dir(file)
	}
	return dirs, nil
}
