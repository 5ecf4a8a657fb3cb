package hostapi

import (
	"encoding/hex"
	"slices"
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestInterpretAgreesWithTheSharedVectors(t *testing.T) {
	vectors := testvector.Read[[]struct {
		Socket, Bytes string
		Commands      []string
		Refused       int
	}](t, "commands.json")
	covered := map[string]bool{}
	for _, v := range vectors {
		i := slices.IndexFunc(Sockets, func(s Socket) bool { return s.Name == v.Socket })
		if i < 0 {
			t.Fatalf("socket %q of the vectors is not served", v.Socket)
		}
		bytes, err := hex.DecodeString(v.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		commands, refused := Sockets[i].Interpret(bytes)
		names := []string{}
		for _, c := range commands {
			names = append(names, c.String())
		}
		if !slices.Equal(names, v.Commands) || len(refused) != v.Refused {
			t.Errorf("%s %s: %v and %d refused, want %v and %d", v.Socket, v.Bytes, names, len(refused), v.Commands, v.Refused)
		}
		covered[v.Socket] = true
	}
	if len(covered) != len(Sockets) {
		t.Errorf("the vectors cover %d of %d sockets", len(covered), len(Sockets))
	}
}
