// Package guides holds the tests of docs/: that the configurations in it fit the provider's schema, that it quotes what the code says, that
// the rooms are drawn as they are, and that its links lead somewhere.
package guides
