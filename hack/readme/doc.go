// Package readme reads the README as its reader does: commands to paste, and
// what they promise to print. The tests that run those commands share it: one on
// this machine, one on a cluster.
//
//	sections ──Blocks──► fenced blocks ──Recipe──► the script, and what it promises
//	                                                      └──Broken──► the first promise not kept
//
// A block without a language, or of language sh, is pasted; one of language text
// is shown in excerpts, so each of its lines is looked for in the output, in order.
package readme
