// A program that compiles in a moment, in the place of the real one.
package main

var version = "nobody said"

func main() { println("the version is", version) }
