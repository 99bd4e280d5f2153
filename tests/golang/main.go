// Command golang checks a transparency log with the tools that every Go installation verifies its modules with.
//
//	go run . <URL of the log> <bearer token> <verifier key> [<old size> <old root in base64>] …
//
// It opens the newest checkpoint, recomputes its root from tiles, proves every entry to be under that root, and proves
// every old root to be a beginning of it. It prints the size; what does not hold ends it.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type source struct {
	url, token string
	tiles      map[string][]byte
}

func (s source) get(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, s.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

func (s source) Height() int { return height }

// ReadTiles finds tiles at the paths of tlog-tiles, which do not name the height.
func (s source) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		if _, known := s.tiles[path]; !known {
			found, err := s.get(path)
			if err != nil {
				return nil, err
			}
			s.tiles[path] = found
		}
		all = append(all, s.tiles[path])
	}
	return all, nil
}

func (s source) SaveTiles([]tlog.Tile, [][]byte) {}

// entries are all of a tree's, from its bundles.
func (s source) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for start := int64(0); start < size; start += 1 << height {
		width := min(size-start, 1<<height)
		tile := tlog.Tile{H: height, L: 0, N: start >> height, W: int(width)}
		packed, err := s.get("tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/"))
		if err != nil {
			return nil, err
		}
		for len(packed) > 0 {
			length := int(binary.BigEndian.Uint16(packed))
			all = append(all, packed[2:2+length])
			packed = packed[2+length:]
		}
	}
	return all, nil
}

func parsed(text string) (tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	from := source{os.Args[1], os.Args[2], map[string][]byte{}}
	verifier, err := note.NewVerifier(os.Args[3])
	check(err)
	signed, err := from.get("checkpoint")
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	tree, err := parsed(opened.Text)
	check(err)
	hashes := tlog.TileHashReader(tree, from)
	root, err := tlog.TreeHash(tree.N, hashes)
	check(err)
	if root != tree.Hash {
		log.Fatal("the tiles do not give the signed root")
	}
	entries, err := from.entries(tree.N)
	check(err)
	if int64(len(entries)) != tree.N {
		log.Fatalf("%d entries in place of %d", len(entries), tree.N)
	}
	for index, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(index), hashes)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)))
	}
	for at := 4; at < len(os.Args); at += 2 {
		size, err := strconv.ParseInt(os.Args[at], 10, 64)
		check(err)
		coded, err := base64.StdEncoding.DecodeString(os.Args[at+1])
		check(err)
		proof, err := tlog.ProveTree(tree.N, size, hashes)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, size, tlog.Hash(coded)))
	}
	fmt.Println(tree.N)
}
