package hack

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// proxyReason is how package proxy defines its words.
var proxyReason = regexp.MustCompile(`= reason\("([a-z-]+)"\)`)

// Where the reason words are defined, and how.
var reasonSources = map[string]*regexp.Regexp{
	"../proxy/record.go":          proxyReason,
	"../proxy/egress_fault.go":    proxyReason,
	"../proxy/policy/decide.go":   regexp.MustCompile(`Reason = "([a-z-]+)"`),
	"../proxy/certs/verify.go":    regexp.MustCompile(`Reason\w+ += "([a-z-]+)"`),
	"../proxy/http1/violation.go": regexp.MustCompile(`= "([a-z-]+)"`),
}

// TestEveryReasonIsExplained holds docs/reasons.md to the code.
func TestEveryReasonIsExplained(t *testing.T) {
	doc, err := os.ReadFile("../docs/reasons.md")
	if err != nil {
		t.Fatal(err)
	}
	for file, pattern := range reasonSources {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := pattern.FindAllStringSubmatch(string(source), -1)
		if len(found) < 4 {
			t.Errorf("%s: only %d reason words found; has their form changed?", file, len(found))
		}
		for _, word := range found {
			if !strings.Contains(string(doc), "`"+word[1]+"`") {
				t.Errorf("docs/reasons.md does not explain %q of %s", word[1], file)
			}
		}
	}
}
