// Command cosigned checks a note with the signatures of its log and of its witnesses, as others do.
//
//	go run ./cosigned <verifier key of the log> <verifier key of a witness> … < note
//
// It prints the names of those who signed; a note without one of them ends it.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	log.SetFlags(0)
	ofLog, err := note.NewVerifier(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	verifiers := []note.Verifier{ofLog}
	for _, vkey := range os.Args[2:] {
		witness, err := torchwood.NewCosignatureVerifier(vkey)
		if err != nil {
			log.Fatal(err)
		}
		verifiers = append(verifiers, witness)
	}
	signed, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		log.Fatal(err)
	}
	if len(opened.Sigs) != len(verifiers) {
		log.Fatalf("%d of %d have signed", len(opened.Sigs), len(verifiers))
	}
	for _, one := range opened.Sigs {
		fmt.Println(one.Name)
	}
}
