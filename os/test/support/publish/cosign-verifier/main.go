// Command cosign-verifier does what `cosign verify --key KEY --insecure-ignore-tlog=true IMAGE` does, by the same
// function. The whole command would bring the clients of all clouds with it.
package main

import (
	"context"
	"crypto"
	"fmt"
	"log"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sigstore/cosign/v3/pkg/cosign"
	ociremote "github.com/sigstore/cosign/v3/pkg/oci/remote"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: cosign-verifier KEY IMAGE")
	}
	found, err := verify(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d signatures\n", found)
}

func verify(keyFile, image string) (found int, err error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return 0, err
	}
	key, err := cryptoutils.UnmarshalPEMToPublicKey(text)
	if err != nil {
		return 0, err
	}
	verifier, err := signature.LoadVerifier(key, crypto.SHA256)
	if err != nil {
		return 0, err
	}
	reference, err := name.ParseReference(image)
	if err != nil {
		return 0, err
	}
	keychain := ociremote.WithRemoteOptions(remote.WithAuthFromKeychain(authn.DefaultKeychain))
	signatures, _, err := cosign.VerifyImageSignatures(context.Background(), reference, &cosign.CheckOpts{
		RegistryClientOpts: []ociremote.Option{keychain},
		ClaimVerifier:      cosign.SimpleClaimVerifier,
		SigVerifier:        verifier,
		IgnoreTlog:         true,
	})
	return len(signatures), err
}
