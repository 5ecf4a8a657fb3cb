package tpm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/go-tpm/tpm2"
)

// quotedPCRs say what started: firmware (0), what firmware loaded from cards (2) and from the medium (4), Secure Boot
// and its keys (7), the system (11) and words of others (12).
var quotedPCRs = []uint{0, 2, 4, 7, systemPCR, wordsPCR}

// purpose keeps what a quote is bound to apart from what other programs have signed with keys of a TPM.
const purpose = "kios.dev/attestation/v1\n"

const coordinateBytes = 32

// Quote is what a TPM says of the system that runs, signed by a key that never leaves it and signs nothing else.
type Quote struct {
	Public    []byte            `json:"public"`    // TPMT_PUBLIC: the key, the same as long as the machine has this TPM
	Attested  []byte            `json:"attested"`  // TPMS_ATTEST
	Signature []byte            `json:"signature"` // of its SHA-256 by ECDSA: r and s, 32 bytes each
	PCRs      map[string][]byte `json:"pcrs"`      // by number
}

// Name is the digest in the key's name, by which people know the machine.
func (q Quote) Name() string { return fmt.Sprintf("%x", sha256.Sum256(q.Public)) }

// errMoved means that somebody has extended a PCR meanwhile.
var errMoved = errors.New("a PCR was extended while it was quoted")

// Quote has the TPM sign what the PCRs are, bound to these bytes.
func (t *TPM) Quote(bound []byte) (quote Quote, err error) {
	defer guarded(&err)
	made, err := tpm2.CreatePrimary{
		// The seed of this hierarchy outlives a clearing of the TPM, so the key does too.
		PrimaryHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)},
		InPublic:      tpm2.New2B(attestationKey),
	}.Execute(t.to)
	if err != nil {
		return Quote{}, fmt.Errorf("make the attestation key: %w", err)
	}
	defer t.flush(made.ObjectHandle)
	quote.Public = made.OutPublic.Bytes()
	if quote.PCRs, err = t.readQuoted(); err != nil {
		return Quote{}, err
	}
	binding := sha256.Sum256(append([]byte(purpose), bound...))
	said, err := tpm2.Quote{
		SignHandle:     tpm2.AuthHandle{Handle: made.ObjectHandle, Name: made.Name, Auth: tpm2.PasswordAuth(nil)},
		QualifyingData: tpm2.TPM2BData{Buffer: binding[:]},
		InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		PCRSelect:      selection(quotedPCRs...),
	}.Execute(t.to)
	if err != nil {
		return Quote{}, fmt.Errorf("quote the PCRs: %w", err)
	}
	quote.Attested = said.Quoted.Bytes()
	signature, err := said.Signature.Signature.ECDSA()
	if err != nil {
		return Quote{}, fmt.Errorf("read the quote's signature: %w", err)
	}
	for _, number := range [][]byte{signature.SignatureR.Buffer, signature.SignatureS.Buffer} {
		if len(number) > coordinateBytes {
			return Quote{}, fmt.Errorf("the quote's signature has a number of %d bytes", len(number))
		}
		quote.Signature = append(append(quote.Signature, make([]byte, coordinateBytes-len(number))...), number...)
	}
	return quote, quote.check(said.Quoted)
}

// check compares what was read with what was signed.
func (q Quote) check(quoted tpm2.TPM2BAttest) error {
	said, err := quoted.Contents()
	if err != nil {
		return fmt.Errorf("read the quote: %w", err)
	}
	info, err := said.Attested.Quote()
	if err != nil {
		return fmt.Errorf("read the quote: %w", err)
	}
	all := sha256.New()
	for _, pcr := range quotedPCRs {
		all.Write(q.PCRs[strconv.Itoa(int(pcr))])
	}
	if string(all.Sum(nil)) != string(info.PCRDigest.Buffer) {
		return errMoved
	}
	return nil
}

// readQuoted reads each PCR by itself: a TPM replies with as many at once as it likes.
func (t *TPM) readQuoted() (map[string][]byte, error) {
	values := map[string][]byte{}
	for _, pcr := range quotedPCRs {
		value, err := t.read(pcr)
		if err != nil {
			return nil, err
		}
		values[strconv.Itoa(int(pcr))] = value
	}
	return values, nil
}

// attestationKey is a key that signs only what the TPM itself says.
var attestationKey = tpm2.TPMTPublic{
	Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
	ObjectAttributes: tpm2.TPMAObject{
		FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, Restricted: true, SignEncrypt: true,
	},
	Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
		Scheme: tpm2.TPMTECCScheme{
			Scheme:  tpm2.TPMAlgECDSA,
			Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256}),
		},
		CurveID: tpm2.TPMECCNistP256,
	}),
	Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
		X: tpm2.TPM2BECCParameter{Buffer: make([]byte, coordinateBytes)},
		Y: tpm2.TPM2BECCParameter{Buffer: make([]byte, coordinateBytes)},
	}),
}
