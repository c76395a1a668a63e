package readme

import (
	"fmt"
	"strings"
)

// A Block is a fenced block of Markdown.
type Block struct{ Language, Text string }

// Blocks returns the blocks of the section with the heading, a whole line.
func Blocks(markdown, heading string) ([]Block, error) {
	_, section, ok := strings.Cut(markdown, "\n"+heading+"\n")
	if !ok {
		return nil, fmt.Errorf("there is no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return All(section), nil
}

// All returns the blocks of a document, or of a part of one.
func All(markdown string) []Block {
	var blocks []Block
	for i, part := range strings.Split(markdown, "\n```") {
		if i%2 == 1 {
			language, text, _ := strings.Cut(part, "\n")
			blocks = append(blocks, Block{language, text + "\n"})
		}
	}
	return blocks
}

// Recipe returns what a reader pastes, as one script, and the lines that it
// promises to print.
func Recipe(blocks []Block) (script string, promised []string) {
	var all strings.Builder
	for _, b := range blocks {
		if b.Language != "text" {
			all.WriteString(b.Text)
			continue
		}
		for line := range strings.Lines(b.Text) {
			promised = append(promised, strings.TrimSpace(line))
		}
	}
	return all.String(), promised
}

// Broken returns the first of the promised lines that output does not have after
// those before it; kept is true if it has them all.
func Broken(promised []string, output string) (line string, kept bool) {
	for _, line := range promised {
		at := strings.Index(output, line)
		if at < 0 {
			return line, false
		}
		output = output[at+len(line):]
	}
	return "", true
}
