// Package repotest holds the rules of the house as tests: which package may import which, what must
// be documented, how large things may grow, and what no file may say. Each failure names the place
// and the rule.
package repotest
