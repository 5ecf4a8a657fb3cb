// Command log-query answers requests for a node's logs with kubelet's own code, which the test puts beside it
// (pkg/kubelet/kubelet_server_journal*.go of the version that the node runs). Only the order of its calls is the
// test's: kubelet has it in the middle of Kubelet.Run.
package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
)

type answer struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// ask answers the query of one request.
func ask(query url.Values) (answer, error) {
	nlq, errs := newNodeLogQuery(query)
	if len(errs) > 0 {
		return answer{400, errs.ToAggregate().Error()}, nil
	}
	if nlq == nil {
		return answer{}, fmt.Errorf("no query in %v", query)
	}
	if errs := nlq.validate(); len(errs) > 0 {
		return answer{406, errs.ToAggregate().Error()}, nil
	}
	if len(nlq.Files) == 1 {
		text, err := os.ReadFile(nodeLogDir + nlq.Files[0])
		return answer{200, string(text)}, err
	}
	recorder := httptest.NewRecorder()
	journal.ServeHTTP(recorder, httptest.NewRequest("GET", "/logs/?"+query.Encode(), nil))
	return answer{recorder.Code, recorder.Body.String()}, nil
}

func run() error {
	var queries []string
	if err := json.NewDecoder(os.Stdin).Decode(&queries); err != nil {
		return err
	}
	var answers []answer
	for _, text := range queries {
		query, err := url.ParseQuery(text)
		if err != nil {
			return err
		}
		found, err := ask(query)
		if err != nil {
			return err
		}
		answers = append(answers, found)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
