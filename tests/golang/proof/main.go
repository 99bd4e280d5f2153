// Command proof checks a proof file (c2sp.org/tlog-proof) with torchwood, by others than who wrote it.
//
//	go run ./proof <verifier key> [<verifier key of a witness> …] < file.tlog-proof
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
	demanded := []torchwood.Policy{torchwood.OriginPolicy(verifier.Name()), torchwood.SingleVerifierPolicy(verifier)}
	for _, vkey := range os.Args[2:] {
		witness, err := torchwood.NewCosignatureVerifier(vkey)
		check(err)
		demanded = append(demanded, torchwood.SingleVerifierPolicy(witness))
	}
	policy := torchwood.ThresholdPolicy(len(demanded), demanded...)
	check(torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof))
	fmt.Print(string(entry))
}
