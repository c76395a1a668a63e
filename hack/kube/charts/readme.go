package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The marks between which a README is ours.
const (
	begin = "<!-- Made from values.yaml: edit the comments there, then run \"go run ./charts -w\" in hack/kube. -->"
	end   = "<!-- The end of what is made. -->"
)

// readme returns the README of the chart in dir as it should be, and whether it
// is not so. A README that is not there is begun with the chart's description.
func readme(dir string) (fresh []byte, stale bool, err error) {
	current, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if errors.Is(err, os.ErrNotExist) {
		current, err = newReadme(dir)
		stale = true
	}
	if err != nil {
		return nil, false, err
	}
	values, err := readValues(filepath.Join(dir, "values.yaml"))
	if err != nil {
		return nil, false, err
	}
	made, err := tables(values)
	if err != nil {
		return nil, false, err
	}
	head, rest, ok := bytes.Cut(current, []byte(begin))
	_, tail, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, false, fmt.Errorf("README.md has no place for the values; put these two lines where they should stand:\n%s\n%s", begin, end)
	}
	fresh = fmt.Appendf(nil, "%s%s\n\n%s\n%s%s", head, begin, made, end, tail)
	return fresh, stale || !bytes.Equal(fresh, current), nil
}

// newReadme returns a first README for the chart in dir.
func newReadme(dir string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	var chart struct{ Name, Description string }
	if err := yaml.Unmarshal(text, &chart); err != nil {
		return nil, fmt.Errorf("read Chart.yaml: %w", err)
	}
	return fmt.Appendf(nil, "# %s\n\n%s.\n\n## Values\n\n%s\n%s\n", chart.Name, strings.TrimSuffix(chart.Description, "."), begin, end), nil
}

// tables returns the Markdown for values: a table of those at the top, and one
// with a heading for each group.
func tables(values []value) (string, error) {
	var single []value
	var groups strings.Builder
	for _, v := range values {
		if len(v.children) == 0 || v.doc != "" {
			single = append(single, v)
			continue
		}
		rows, err := table(v.children)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&groups, "\n### %s\n\n", v.name())
		if v.remark != "" {
			fmt.Fprintf(&groups, "%s\n\n", v.remark)
		}
		groups.WriteString(rows)
	}
	if len(single) == 0 {
		return strings.TrimPrefix(groups.String(), "\n"), nil
	}
	rows, err := table(single)
	return rows + groups.String(), err
}

// table returns one table with the described values, and those in them.
func table(values []value) (string, error) {
	text := "| value | default | meaning |\n|---|---|---|\n"
	rows, err := appendRows(nil, values)
	return text + strings.Join(rows, ""), err
}

// appendRows appends a row for each described value. A value whose parts are
// described in turn is a heading for them, and shows no default.
func appendRows(rows []string, values []value) ([]string, error) {
	for _, v := range values {
		parts, err := appendRows(nil, v.children)
		if err != nil {
			return nil, err
		}
		preset := ""
		if len(parts) == 0 {
			if preset, err = v.preset(); err != nil {
				return nil, err
			}
		}
		if v.doc != "" {
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", v.name(), cell(preset), cell(v.doc)))
		}
		rows = append(rows, parts...)
	}
	return rows, nil
}

// cell makes text fit into a cell of a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
