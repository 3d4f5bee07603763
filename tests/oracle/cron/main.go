// Answers when schedules are due, by the library that Argo uses: cases as JSON on standard input, with answers on standard output.
package main

import (
	"encoding/json"
	"os"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

type schedule struct {
	Schedule string   `json:"schedule"`
	Zone     string   `json:"zone"`
	Start    string   `json:"start"`
	Due      []string `json:"due"`
	Refused  bool     `json:"refused,omitempty"`
}

func answer(one *schedule) {
	place, err := time.LoadLocation(one.Zone)
	if err != nil {
		panic(err)
	}
	at, err := time.Parse(time.RFC3339, one.Start)
	if err != nil {
		panic(err)
	}
	one.Due = []string{}
	parsed, err := cron.ParseStandard(one.Schedule)
	if err != nil {
		one.Refused = true
		return
	}
	at = at.In(place)
	for range 4 {
		at = parsed.Next(at)
		if at.IsZero() {
			one.Due = append(one.Due, "never")
			return
		}
		one.Due = append(one.Due, at.UTC().Format(time.RFC3339))
	}
}

func main() {
	var cases []schedule
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	for i := range cases {
		answer(&cases[i])
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(cases); err != nil {
		panic(err)
	}
}
