package hostports

import (
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/netfilter"
)

// maxComment is the room for a comment in the 256 bytes that a rule has for its maker, with its head and a NUL.
const maxComment = 256 - 3

// held is a rule of the kernel's table.
type held struct {
	chain   string
	handle  uint64
	comment string
}

// listRules returns the rules of the table, and none without the table.
func listRules() ([]held, error) {
	list, err := netfilter.List(request(unix.NFT_MSG_GETRULE, 0, netfilter.Text(unix.NFTA_RULE_TABLE, table)))
	if err != nil {
		return nil, err
	}
	rules := make([]held, len(list))
	for i, attributes := range list {
		rules[i] = parseRule(attributes)
	}
	return rules, nil
}

func parseRule(attributes []byte) (r held) {
	for kind, data := range netfilter.Attributes(attributes) {
		switch kind {
		case unix.NFTA_RULE_CHAIN:
			r.chain = strings.TrimRight(string(data), "\x00")
		case unix.NFTA_RULE_HANDLE:
			if len(data) == 8 {
				r.handle = binary.BigEndian.Uint64(data)
			}
		case unix.NFTA_RULE_USERDATA:
			r.comment = parseComment(data)
		}
	}
	return r
}

// formatComment returns a comment in the form of nft(8): type 0, length, text with a NUL.
func formatComment(text string) []byte {
	return append([]byte{0, byte(len(text) + 1)}, append([]byte(text), 0)...)
}

func parseComment(data []byte) string {
	if len(data) < 3 || data[0] != 0 || len(data) < 2+int(data[1]) {
		return ""
	}
	return strings.TrimRight(string(data[2:2+int(data[1])]), "\x00")
}

// adding returns the requests that put rules in the place of old ones. A new rule is the first of its chain: of two
// pods with one port the later has it, and the earlier has it back when the later goes.
func adding(old []held, rules []rule) []netfilter.Request {
	requests := []netfilter.Request{
		request(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, netfilter.Text(unix.NFTA_TABLE_NAME, table)),
	}
	chain := func(name string, more ...[]byte) netfilter.Request {
		return request(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, append([][]byte{
			netfilter.Text(unix.NFTA_CHAIN_TABLE, table), netfilter.Text(unix.NFTA_CHAIN_NAME, name)}, more...)...)
	}
	requests = append(requests, chain(ports))
	for _, h := range hooks {
		requests = append(requests, chain(h.chain,
			netfilter.Nested(unix.NFTA_CHAIN_HOOK, netfilter.Number(unix.NFTA_HOOK_HOOKNUM, h.number),
				netfilter.Number(unix.NFTA_HOOK_PRIORITY, uint32(h.priority))),
			netfilter.Text(unix.NFTA_CHAIN_TYPE, h.kind)))
	}
	requests = append(requests, removing(old)...)
	for _, r := range rules {
		requests = append(requests, request(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE,
			netfilter.Text(unix.NFTA_RULE_TABLE, table), netfilter.Text(unix.NFTA_RULE_CHAIN, r.chain),
			netfilter.Nested(unix.NFTA_RULE_EXPRESSIONS, r.steps...),
			netfilter.Attribute(unix.NFTA_RULE_USERDATA, formatComment(r.comment))))
	}
	return requests
}

// removing returns the requests that delete rules, by the number that the kernel gave each and never gives again.
func removing(old []held) []netfilter.Request {
	requests := make([]netfilter.Request, len(old))
	for i, r := range old {
		requests[i] = request(unix.NFT_MSG_DELRULE, 0, netfilter.Text(unix.NFTA_RULE_TABLE, table),
			netfilter.Text(unix.NFTA_RULE_CHAIN, r.chain),
			netfilter.Attribute(unix.NFTA_RULE_HANDLE, binary.BigEndian.AppendUint64(nil, r.handle)))
	}
	return requests
}

func request(message uint8, flags uint16, attributes ...[]byte) netfilter.Request {
	return netfilter.Request{Subsystem: unix.NFNL_SUBSYS_NFTABLES, Message: message, Flags: flags,
		Family: unix.NFPROTO_INET, Attributes: attributes}
}

// update reads the rules and commits what plan makes of them. It begins again when somebody was faster.
func update(plan func([]held) []netfilter.Request) error {
	const attempts = 100 // more than pods start at once: of those that meet, one gets through
	var err error
	for range attempts {
		if err = attempt(plan); !isRace(err) {
			return err
		}
	}
	return err
}

func attempt(plan func([]held) []netfilter.Request) error {
	generation, err := netfilter.Generation()
	if err != nil {
		return err
	}
	rules, err := listRules()
	if err != nil {
		return err
	}
	requests := plan(rules)
	if len(requests) == 0 {
		return nil
	}
	return netfilter.Commit(requests, generation)
}

// isRace says whether the table has changed between reading and writing, or while it was read.
func isRace(err error) bool {
	return errors.Is(err, netfilter.ErrChanged) || errors.Is(err, unix.ERESTART) ||
		errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN)
}
