// Package config is the one YAML document that tells a sidecar what to do.
//
// A document takes four steps from a file to something the proxy may act on:
//
//	read.go       the file, bounded → bytes
//	load.go       bytes → yaml nodes, and the errors of the next two, by line
//	decode.go     nodes → Config: strict, and to the end in spite of errors
//	validate*.go  Config → Config with a Policy: what its types cannot say
//
// Defaults are in place before the first byte is read ([Default],
// [DefaultIngress], [DefaultEgress]), so the zero of a type is never mistaken for
// a wish. A Config made from command line flags starts at the same functions and
// goes through the same [Config.Validate]; there is no second set of rules.
//
// The document is strict because a typing mistake in it may let somebody in: an
// unknown key, a key twice, a second document, a value of the wrong type, a key
// without a value are errors. Whoever edits it gets all errors in one go, each
// with its line and the way to mend it.
//
// What comes out are values, not texts: a [subject.Name] instead of a
// distinguished name in one of its many spellings, an [Upstream] or [Origin]
// instead of a URL. Documents whose Configs are equal by [reflect.DeepEqual] mean the same,
// however they are laid out. Nothing here reads a certificate, resolves a name or opens a
// socket; the only file read is the document itself, by [Read].
//
// A document that changes while the process runs is compared with the one that
// it listens by: [Successors] says which listener goes on as which, and
// [NeedsRestart] what has to wait.
//
// The comments of the fields below are the manual: hack/docgen turns them into
// docs/config.md. They are therefore written for operators, in Markdown, and
// speak of keys as YAML spells them.
package config
