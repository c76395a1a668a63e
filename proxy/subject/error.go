package subject

import (
	"errors"
	"fmt"
)

// A ParseError says why text is not read as a name, and what to write instead.
type ParseError struct {
	Input   string // without line ends at its end
	At      int    // byte offset in Input
	Problem string // a clause, without the place
	Fix     string // a clause in the imperative
	Err     error  // the [*AmbiguousError] if a value is readable but refused, else nil
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("name %s: at byte %d: %s; %s", spell(e.Input), e.At, e.Problem, e.Fix)
}

func (e *ParseError) Unwrap() error { return e.Err }

// spell quotes text from outside for an error: one line, not a long one, and
// nothing in it that is invisible.
func spell(s string) string {
	const most = 160
	verb, more := "%q", ""
	if checkText(s) != nil {
		verb = "%+q"
	}
	if len(s) > most {
		s, more = s[:most], "..."
	}
	return fmt.Sprintf(verb, s) + more
}

// asPrinted is the fix for whatever a tool has written lossily.
const asPrinted = "write it with commas and no blanks, most specific attribute first, as `sidegate subject FILE` prints it"

// correct is the fix for what is no matter of writing.
const correct = "correct the value; a certificate with it is refused as well"

// A fault is a ParseError whose place is not known yet.
type fault struct{ problem, fix string }

func (f *fault) in(input string, at int) *ParseError {
	return &ParseError{Input: input, At: at, Problem: f.problem, Fix: f.fix}
}

// refused places the refusal of a value or of the whole name in the input.
func refused(input string, at int, err error) *ParseError {
	e := &ParseError{Input: input, At: at, Problem: err.Error(), Fix: correct, Err: err}
	if a, ok := errors.AsType[*AmbiguousError](err); ok {
		e.Problem = a.Detail
	}
	return e
}
