package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/teststorage"
)

// `oracle rules` evaluates a rule file from moment to moment with Prometheus' own rules package.
//
// It reads one JSON document from standard input and prints one: what each rule's alerts were at
// each moment, of whom somebody was told, which rules failed, and what was recorded.
type ruleRequest struct {
	GapMs          int64             `json:"gap_ms"`
	Series         []string          `json:"series"`
	Rules          string            `json:"rules"`
	ExternalLabels map[string]string `json:"external_labels"`
	ExternalURL    string            `json:"external_url"`
	Moments        []int64           `json:"moments"`
	// Before the moment of that number, the rules are read anew.
	Reloads map[int]string `json:"reloads"`
	// Before the moments of these numbers, everything that is not stored is lost.
	Restarts []int `json:"restarts"`
	// The names of the series that are told at the end.
	Tell []string `json:"tell"`
	// Only how long each evaluation takes is asked.
	Quiet bool `json:"quiet"`
}

type ruleAlert struct {
	// The rule's place: its group's, then its own.
	Rule        [2]int            `json:"rule"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	State       string            `json:"state"`
	Value       string            `json:"value,omitempty"`
	ActiveAt    int64             `json:"active_at"`
}

type ruleMoment struct {
	Active []ruleAlert `json:"active"`
	Sent   []ruleAlert `json:"sent"`
	Failed [][2]int    `json:"failed"`
}

type ruleAnswer struct {
	Moments []ruleMoment `json:"moments"`
	// Microseconds of each evaluation of all groups.
	Took   []int64  `json:"took"`
	Series []series `json:"series"`
}

type coming struct {
	t      int64
	metric labels.Labels
	sample parser.SequenceValue
}

type ruleBench struct {
	asked  ruleRequest
	db     *teststorage.TestStorage
	folder string
	coming []coming
	opts   *rules.ManagerOptions
	groups []*rules.Group
	sent   []*rules.Alert
	// Groups whose state is to be looked for in what is stored, after so many evaluations.
	restores int
}

func (b *ruleBench) expect() error {
	for _, line := range b.asked.Series {
		metric, values, err := parser.NewParser(options).ParseSeriesDesc(line)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		for i, v := range values {
			if !v.Omitted {
				b.coming = append(b.coming, coming{int64(i) * b.asked.GapMs, metric, v})
			}
		}
	}
	sort.SliceStable(b.coming, func(i, j int) bool { return b.coming[i].t < b.coming[j].t })
	return nil
}

func (b *ruleBench) until(t int64) error {
	app := b.db.AppenderV2(context.Background())
	for len(b.coming) > 0 && b.coming[0].t <= t {
		next := b.coming[0]
		b.coming = b.coming[1:]
		_, err := app.Append(0, next.metric, 0, next.t, next.sample.Value, nil, next.sample.Histogram, storage.AppendV2Options{})
		if err != nil {
			return err
		}
	}
	return app.Commit()
}

func (b *ruleBench) load(text string, restored bool) ([]*rules.Group, error) {
	file := filepath.Join(b.folder, "rules.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	external := labels.FromMap(b.asked.ExternalLabels)
	found, errs := rules.NewManager(b.opts).LoadGroups(time.Minute, external, b.asked.ExternalURL, nil, false, file)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	// In the order of the file.
	parsed, errs := b.opts.GroupLoader.Load(file, false, b.opts.NameValidationScheme)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var groups []*rules.Group
	for _, group := range parsed.Groups {
		groups = append(groups, found[rules.GroupKey(file, group.Name)])
	}
	for _, group := range groups {
		for _, rule := range group.AlertingRules() {
			rule.SetRestored(restored)
		}
	}
	return groups, nil
}

// change does what comes before a moment.
func (b *ruleBench) change(number int) (err error) {
	if text, ok := b.asked.Reloads[number]; ok {
		old := b.groups
		if b.groups, err = b.load(text, true); err != nil {
			return err
		}
		for _, group := range b.groups {
			for _, from := range old {
				if from.Name() == group.Name() {
					group.CopyState(from)
				}
			}
		}
		b.asked.Rules = text
	}
	for _, restart := range b.asked.Restarts {
		if restart == number {
			if b.groups, err = b.load(b.asked.Rules, false); err != nil {
				return err
			}
			b.restores = 2
		}
	}
	return nil
}

func told(rule [2]int, alert *rules.Alert) ruleAlert {
	return ruleAlert{
		Rule:        rule,
		Labels:      alert.Labels.Map(),
		Annotations: alert.Annotations.Map(),
		State:       alert.State.String(),
		Value:       number(alert.Value),
		ActiveAt:    alert.ActiveAt.UnixMilli(),
	}
}

func (b *ruleBench) evaluate(t int64) (moment ruleMoment, took time.Duration) {
	at := time.UnixMilli(t).UTC()
	for i, group := range b.groups {
		b.sent = nil
		began := time.Now()
		group.Eval(context.Background(), at)
		took += time.Since(began)
		for _, alert := range b.sent {
			moment.Sent = append(moment.Sent, told([2]int{i, 0}, alert))
		}
	}
	if b.restores > 0 {
		b.restores--
		if b.restores == 0 {
			for _, group := range b.groups {
				group.RestoreForState(at)
			}
		}
	}
	for i, group := range b.groups {
		for j, rule := range group.Rules() {
			place := [2]int{i, j}
			if rule.LastError() != nil {
				moment.Failed = append(moment.Failed, place)
			}
			if alerting, ok := rule.(*rules.AlertingRule); ok {
				alerting.ForEachActiveAlert(func(alert *rules.Alert) {
					moment.Active = append(moment.Active, told(place, alert))
				})
			}
		}
	}
	return moment, took
}

// stored tells all series of a name, the marks at their ends included.
func (b *ruleBench) stored(name string) ([]series, error) {
	querier, err := b.db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	defer querier.Close()
	matcher := labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, name)
	var all []series
	for set := querier.Select(context.Background(), true, nil, matcher); set.Next(); {
		s := series{Labels: set.At().Labels().Map()}
		for it := set.At().Iterator(nil); it.Next() == chunkenc.ValFloat; {
			t, v := it.At()
			text := number(v)
			if value.IsStaleNaN(v) {
				text = "stale"
			}
			s.Floats = append(s.Floats, [2]string{at(t), text})
		}
		all = append(all, s)
	}
	return all, nil
}

func ruleRun() (err error) {
	b := &ruleBench{}
	if err = json.NewDecoder(os.Stdin).Decode(&b.asked); err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp("", "oracle-rules"); err != nil {
		return err
	}
	defer os.RemoveAll(b.folder)
	if b.db, err = teststorage.NewWithError(func(o *tsdb.Options) {}); err != nil {
		return err
	}
	defer b.db.Close()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:               50_000_000,
		Timeout:                  100 * time.Second,
		NoStepSubqueryIntervalFn: func(int64) int64 { return 60_000 },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   parser.NewParser(options),
	})
	external, err := url.Parse(b.asked.ExternalURL)
	if err != nil {
		return err
	}
	b.opts = &rules.ManagerOptions{
		ExternalURL:     external,
		QueryFunc:       rules.EngineQueryFunc(engine, b.db),
		Appendable:      b.db,
		Queryable:       b.db,
		Context:         context.Background(),
		Logger:          slog.New(slog.DiscardHandler),
		OutageTolerance: time.Hour,
		ForGracePeriod:  10 * time.Minute,
		ResendDelay:     time.Minute,
		Parser:          parser.NewParser(options),
		NotifyFunc: func(_ context.Context, _ string, alerts ...*rules.Alert) {
			b.sent = append(b.sent, alerts...)
		},
	}
	if err = b.expect(); err != nil {
		return err
	}
	if b.groups, err = b.load(b.asked.Rules, true); err != nil {
		return err
	}
	var answer ruleAnswer
	for n, t := range b.asked.Moments {
		if err = b.until(t); err != nil {
			return fmt.Errorf("samples until %s: %w", strconv.FormatInt(t, 10), err)
		}
		if err = b.change(n); err != nil {
			return err
		}
		moment, took := b.evaluate(t)
		answer.Took = append(answer.Took, took.Microseconds())
		if !b.asked.Quiet {
			answer.Moments = append(answer.Moments, moment)
		}
	}
	for _, name := range b.asked.Tell {
		found, err := b.stored(name)
		if err != nil {
			return err
		}
		answer.Series = append(answer.Series, found...)
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}
