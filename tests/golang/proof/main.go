// Command proof checks a proof file (c2sp.org/tlog-proof) with torchwood, by others than who wrote it.
//
//	go run ./proof <verifier key> < file.tlog-proof
//
// It takes the entry from the file's extra data, proves it to be under the signed root, and prints it.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	verifier, err := note.NewVerifier(os.Args[1])
	check(err)
	proof, err := io.ReadAll(os.Stdin)
	check(err)
	entry, err := torchwood.ProofExtraData(proof)
	check(err)
	policy := torchwood.ThresholdPolicy(2,
		torchwood.OriginPolicy(verifier.Name()), torchwood.SingleVerifierPolicy(verifier))
	check(torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof))
	fmt.Print(string(entry))
}
