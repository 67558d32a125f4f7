// Made from the one list of commands by the test `types_are_current`; not to be edited.

/**
 * Who did something. `id` is what was established (`ana@bridge-7`); `display` is only a label.
 */
export type Actor = { kind: ActorKind, 
/**
 * `user@host` for a person; the room's name for a machine (`engine@bridge-7`).
 */
id: string, identity: Identity, display?: string | null, };

/**
 * What sort of actor this is.
 */
export type ActorKind = "person" | "machine";

/**
 * What is to be taken in.
 */
export type Adopt = { 
/**
 * The Deployment; the service is called by its name.
 */
deployment: string, 
/**
 * The Service that leads to it; none: the only one that does.
 */
service?: string, 
/**
 * The HTTPRoute that leads to that Service; none: the Service carries the traffic, all or
 * nothing.
 */
route?: string, 
/**
 * Istio's VirtualService that leads to it, in place of a route.
 */
virtual_service?: string, 
/**
 * The Ingress of ingress-nginx that leads to it, in place of a route: a canary is made beside it.
 */
ingress?: string, 
/**
 * The container that releases are for; none: the only one.
 */
container?: string, };

/**
 * Exactly what would be written; no step: it is adopted already.
 */
export type AdoptionPlan = { service: string, steps: Array<PlannedStep>, };

/**
 * Which alert, over which time.
 */
export type AlertAsk = { id: string, from?: Timestamp, to?: Timestamp, };

/**
 * One set of labels over time.
 */
export type AlertLane = { labels: Record<string, string>, 
/**
 * It is the alert that was asked for.
 */
own: boolean, spans: Array<AlertSpan>, };

/**
 * An alert.
 */
export type AlertRow = { id: string, name: string, 
/**
 * Empty where its rule gives none.
 */
severity: string, 
/**
 * It may wake somebody.
 */
pages: boolean, service: string, stands: Stands, labels: Record<string, string>, annotations: Record<string, string>, 
/**
 * Since when its condition holds.
 */
since: Timestamp, fired_at: Timestamp | null, resolved_at: Timestamp | null, value: number | null, 
/**
 * Why, in a sentence.
 */
words: string, 
/**
 * Nobody looked when it began or ended; it was found afterwards.
 */
late: boolean, 
/**
 * The rule's file and group; none: an objective's.
 */
rule: string | null, 
/**
 * The objective's name, of its service.
 */
objective: string | null, };

/**
 * What alerts can be sorted by.
 */
export type AlertSort = "urgency" | "name" | "service" | "since";

/**
 * A stretch in which an alert stood so.
 */
export type AlertSpan = { from: Timestamp, to: Timestamp, stands: Stands, };

/**
 * What the journal has of it.
 */
export type AlertTold = { seq: number, at: Timestamp, 
/**
 * When it was written down.
 */
recorded_at: Timestamp, fires: boolean, words: string, value: number | null, late: boolean, };

/**
 * One alert, whole.
 */
export type AlertView = { at: Timestamp, 
/**
 * None: it does not stand any more, and only the journal knows it.
 */
row: AlertRow | null, name: string, service: string, from: Timestamp, to: Timestamp, 
/**
 * The rule's file and its group; none: an objective's, or the rule is no more.
 */
file: string | null, group: string | null, query: string | null, 
/**
 * What is compared, to be drawn; the whole query where nothing is compared with a number.
 */
value_query: string | null, threshold: number | null, hold_ms: number, keep_ms: number, 
/**
 * This one's first.
 */
lanes: Array<AlertLane>, told: Array<AlertTold>, };

/**
 * Which alerts.
 */
export type AlertsAsk = { 
/**
 * A part of the name, a label or the words.
 */
filter?: string, 
/**
 * Only those that stand so.
 */
stands?: Stands, 
/**
 * Only those that may wake somebody.
 */
pages?: boolean, sort?: AlertSort, descending?: boolean, offset?: number, 
/**
 * At most 500.
 */
limit?: number, };

/**
 * What fires, in a line.
 */
export type AlertsLine = { firing: number, 
/**
 * Of those, the ones that may wake somebody.
 */
paging: number, 
/**
 * There is something to evaluate, and nobody does.
 */
unwatched: boolean, };

/**
 * Alerts that stand, a page of them.
 */
export type AlertsView = { at: Timestamp, evaluator: Evaluator, firing: number, paging: number, pending: number, resolved: number, alerts: Page<AlertRow>, 
/**
 * Files of rules, and rules in them; with none, only objectives can alert.
 */
files: number, rules: number, };

/**
 * The whole answer.
 */
export type Answer = { verdict: Verdict, metrics: Array<MetricAnswer>, 
/**
 * Why, in plain sentences: what decided first, then the warnings.
 */
words: string, };

/**
 * Something that answers or does not.
 */
export type Answering = { answers: boolean, 
/**
 * Somebody needs it: if it does not answer, something is wrong.
 */
needed: boolean, words: string, };

/**
 * One person's approval of the current step.
 */
export type Approval = { step: number, actor: Actor, role: string | null, advisory: boolean, at: Timestamp, };

/**
 * What to do with a journal that is damaged, or not as it was noted outside of it.
 */
export type Aside = { 
/**
 * Go on with it as it stands, and vouch for it; refused when it is broken in itself.
 */
trust?: boolean, };

/**
 * What the one who plays has to do.
 */
export type Asks = "nothing" | "take-back" | "retry";

/**
 * People who are led to the candidate, whatever the weights say.
 */
export type Audience = { 
/**
 * The feature flag that says the same to the service's own code (see `docs/services.md`).
 */
flag: string, 
/**
 * Where a request says who asks.
 */
by: AudienceBy, 
/**
 * Keys that belong to it by name. At most [`LISTED`].
 */
listed?: Array<string>, 
/**
 * Of every 10,000 other keys, how many belong to it.
 */
share: number, 
/**
 * Shuffles who belongs to the share. Another salt is another set of people.
 */
salt: string, };

/**
 * Where a request's key stands. A request without one goes by the weights.
 */
export type AudienceBy = { "kind": "header", name: string, } | { "kind": "cookie", name: string, };

/**
 * The flag of the newest audience, and what became of it. Stays with the traffic object after the
 * audience has ended, so that the flag file can be made anew from the object alone.
 */
export type AudienceFlag = { name: string, 
/**
 * The slot that the audience was led to.
 */
slot: Slot, 
/**
 * Whose audience it was. Writes of other rollouts leave the flag as it is: what has been
 * promoted stays on while the next version is tried.
 */
rollout: RolloutId | null, 
/**
 * The audience has ended and its slot has all the weight.
 */
on: boolean, };

/**
 * Who is led to the candidate first.
 */
export type AudienceStatus = { flag: string, 
/**
 * `header x-user` or `cookie uid`.
 */
by: string, 
/**
 * People by name.
 */
listed: number, 
/**
 * Of every 100 others, how many have it now.
 */
percent: number, };

/**
 * An estimate for one kind of rollback, from the time the traffic is back.
 */
export type BackTime = { kind: RollbackKind, 
/**
 * Tasks that are run.
 */
tasks: number, 
/**
 * Of those, how many have passed on a way back of this service before.
 */
timed: number, 
/**
 * What these took then, together. None: nothing is known of any.
 */
usual: Span | null, 
/**
 * Every attempt at every task taking all the time it may.
 */
at_most: Span, };

/**
 * Which rule, over which past, and what is otherwise.
 */
export type BacktestAsk = { 
/**
 * The text of the whole file: the rule may not be saved yet.
 */
yaml: string, group: string, 
/**
 * The rule's place in its group.
 */
place: number, 
/**
 * How far back, in milliseconds; a day.
 */
over_ms?: number, to?: Timestamp, threshold?: number, hold_ms?: number, };

/**
 * A stretch in which the condition held.
 */
export type BacktestEpisode = { labels: Record<string, string>, pending_since: Timestamp, 
/**
 * None: it was over before it fired.
 */
firing_since: Timestamp | null, 
/**
 * None: it lasts to the end.
 */
resolved_at: Timestamp | null, 
/**
 * The value furthest beyond the threshold.
 */
peak: number | null, };

/**
 * What would have been.
 */
export type BacktestView = { from: Timestamp, to: Timestamp, step_ms: number, evaluations: number, 
/**
 * The threshold and the `for` that were asked about.
 */
threshold: number | null, hold_ms: number, 
/**
 * What is compared, to be drawn beside it.
 */
value_query: string | null, 
/**
 * Times that somebody would have been told.
 */
fired: number, 
/**
 * Times that it was over before it fired.
 */
spared: number, 
/**
 * For how long anything fired, label sets added up.
 */
firing_ms: number, 
/**
 * By when they begin; the first of them.
 */
episodes: Array<BacktestEpisode>, 
/**
 * In words.
 */
words: string, 
/**
 * Rules that would have failed, and why the first time.
 */
failures: Array<string>, took_ms: number, };

/**
 * Copies of the journal, made while the window or an agent runs.
 */
export type Backups = { to: string, every: Span, 
/**
 * Copies kept; older ones are removed.
 */
keep: number, };

/**
 * What let a step's bake end.
 */
export type BakedBy = { "by": "pass" } | { "by": "no-harm", requests: number, } | { "by": "unjudged" } | { "by": "broken-glass" };

/**
 * Where a point lies.
 */
export type BandPlace = "inside" | "above" | "below" | "unknown";

/**
 * One point with what was to be expected.
 */
export type BandPoint = { 
/**
 * When.
 */
at: Timestamp, 
/**
 * What was measured.
 */
value: number | null, 
/**
 * What was to be expected.
 */
expected: number, 
/**
 * The lower edge of what is usual.
 */
low: number, 
/**
 * The upper edge.
 */
high: number, 
/**
 * Where the value lies.
 */
place: BandPlace, };

/**
 * A series with its band.
 */
export type Bands = { 
/**
 * All points, oldest first.
 */
points: Array<BandPoint>, 
/**
 * The seasons that were found whole twice.
 */
seasons: Array<Span>, 
/**
 * The judged points that lie outside.
 */
outside: number, 
/**
 * Where its level changed.
 */
changes: Array<LevelChange>, 
/**
 * In words.
 */
words: string, };

/**
 * Two stretches beside each other.
 */
export type BaselineComparison = { service: ServiceName, a: ComparedSide, b: ComparedSide, 
/**
 * Why little can be said by it; none when there is enough on both sides.
 */
too_few: string | null, differences: Array<Difference>, };

/**
 * Which baseline.
 */
export type BaselineName = { service: ServiceName, name: string, };

/**
 * What the candidate was compared with.
 */
export type Basis = "step" | "reference";

/**
 * What began.
 */
export type Begun = { rollout: RolloutId, service: ServiceName, plan: string, plan_digest: Digest, candidate: Slot, 
/**
 * It waits until the one before it has gone back.
 */
queued: boolean, reach: Reach | null, 
/**
 * What the person should know.
 */
notes: Array<string>, };

/**
 * A person and a role.
 */
export type Binding = { role: string, 
/**
 * `user@host`, as an event's actor has it.
 */
person: string, };

/**
 * Which services of the table, in which order. All of it may be left out.
 */
export type BridgeAsk = { 
/**
 * A part of the service's name or of one of its versions.
 */
filter?: string, sort?: ServiceSort, descending?: boolean, offset?: number, 
/**
 * At most 500.
 */
limit?: number, };

/**
 * All of it.
 */
export type BridgeView = { health: Health, burning: Array<Burning>, moving: Array<Moving>, waiting: Array<Waiting>, 
/**
 * The newest promotion whose way back is still warm, in words.
 */
settled: string | null, services: Page<ServiceLine>, };

/**
 * What was written.
 */
export type Bundled = { to: string, bytes: number, 
/**
 * What is in it, for reading before sending.
 */
parts: Array<string>, };

/**
 * A service that hurts its users now.
 */
export type Burning = { service: ServiceName, mark: Mark, what: string, since: Timestamp | null, errors_spark: Array<number | null>, };

/**
 * A plan is meant.
 */
export type ByName = { name: string, };

/**
 * A service is meant.
 */
export type ByService = { service: ServiceName, };

/**
 * Keep what a service's stable is like now.
 */
export type CaptureBaseline = { service: ServiceName, 
/**
 * Else the version's.
 */
name?: string, 
/**
 * How far back to look; five minutes when not said.
 */
over?: Span, };

/**
 * What may spend a budget.
 */
export type CauseKind = "rollout" | "incident" | "exclusion" | "unknown";

/**
 * New settings, whole.
 */
export type Change = { settings: Settings, };

/**
 * Which range of which query.
 */
export type ChartAsk = { query: string, 
/**
 * With an end; none: as long ago as `over` says.
 */
from?: Timestamp, 
/**
 * None: now.
 */
to?: Timestamp, 
/**
 * How long a time where no beginning is said; an hour if neither is.
 */
over?: Span, 
/**
 * From moment to moment; none: what suits the range.
 */
step?: Span, 
/**
 * Moments that there is room for.
 */
points?: number, 
/**
 * Series that are told at most; those with the greatest values are.
 */
most?: number, source?: SourceName, url?: string, };

/**
 * A moment worth a mark.
 */
export type ChartMark = { at: Timestamp, label: string, };

/**
 * One line of a chart.
 */
export type ChartSeries = { labels: Record<string, string>, 
/**
 * One a moment; none where there is no finite value.
 */
values: Array<number | null>, last: number | null, least: number | null, most: number | null, mean: number | null, 
/**
 * Values that are `NaN` or infinite, and so not in the picture.
 */
odd: number, };

/**
 * One thing looked at.
 */
export type Check = { name: string, level: Level, found: string, 
/**
 * What to do about it.
 */
mend?: string, };

/**
 * A dashboard's text, to be checked.
 */
export type CheckDashboard = { yaml: string, };

/**
 * A text to check; none: the file as it is.
 */
export type CheckObjectives = { yaml?: string, };

/**
 * A plan to check, and for whom.
 */
export type CheckPlan = { yaml: string, service?: ServiceName, 
/**
 * Of the candidate, where it shall not be as many as the service has.
 */
instances?: number, };

/**
 * How a check stands.
 */
export type CheckStanding = "waiting" | "running" | "retrying" | "passed" | "warning" | "failed" | "not-done";

/**
 * One check.
 */
export type CheckStatus = { name: string, description: string, 
/**
 * What it looks at, in words.
 */
looks_at: string, critical: boolean, timeout: Span, retries: number, standing: CheckStanding, 
/**
 * 0 before the first.
 */
attempt: number, started_at: Timestamp | null, 
/**
 * Of the newest attempt that has ended.
 */
took: Span | null, why: string, 
/**
 * The last lines of what it printed.
 */
tail: string, 
/**
 * Of a command or a call: by which its output is asked for.
 */
intent: IntentId | null, };

/**
 * A text to check; none: the file as it is.
 */
export type CheckTargets = { yaml?: string, };

/**
 * Checks that ship.
 */
export type ChecksRow = { name: string, about: string, };

/**
 * What a variable is.
 */
export type Chosen = { name: string, value: string, };

/**
 * What an environment is for. Production is marked so that it cannot be missed.
 */
export type Class = "production" | "staging" | "development" | "training";

/**
 * The clock was set back; what was recorded of the time that then came again was removed.
 */
export type ClockSetBack = { at: Timestamp, by: Span, };

/**
 * Where in which cluster.
 */
export type ClusterPlace = { 
/**
 * A kubeconfig, or a folder of them; none: the files of `KUBECONFIG`, or the one in the home
 * directory.
 */
kubeconfig?: string, context: string, 
/**
 * None: the context's own.
 */
namespace?: string, 
/**
 * Who counts the requests; without, nothing can be judged by errors.
 */
metrics?: MetricsSource, };

/**
 * What a cluster's nodes and containers use.
 */
export type ClusterUsage = { 
/**
 * Nodes first; what uses most of a processor first. Empty: no metrics-server was heard within
 * two minutes.
 */
rows: Array<UsageRow>, };

/**
 * A cluster, as far as it answers.
 */
export type ClusterView = { context: string, namespace: string | null, 
/**
 * Why it cannot be reached; then the rest is empty.
 */
trouble: string | null, version: string | null, 
/**
 * The uid of `kube-system`: the same on every machine, as a context's name is not.
 */
cluster: string | null, 
/**
 * Whom the API server takes us for.
 */
who: string | null, 
/**
 * When what is shown was last heard of.
 */
as_of: Timestamp | null, missing: Array<MissingRight>, can_take_back: boolean | null, read_only: boolean, 
/**
 * While a read-only environment is open.
 */
opened: Opened | null, 
/**
 * Where the requests are counted.
 */
metrics: string | null, };

export type Colour = "slate" | "blue" | "teal" | "violet" | "amber";

/**
 * How far a release has come that can be taken back.
 */
export type Come = "rolling" | "promoted" | "brought";

/**
 * Hold one baseline against another, or against now.
 */
export type CompareBaselines = { service: ServiceName, a: string, 
/**
 * Another's name; the present when not said, or `now`.
 */
b?: string, 
/**
 * How far back the present goes; as long as the first baseline when not said.
 */
over?: Span, };

/**
 * One side of a comparison.
 */
export type ComparedSide = { name: string, figures: Figures, };

/**
 * A place in a query.
 */
export type CompleteAsk = { query: string, 
/**
 * Before which UTF-16 unit.
 */
at: number, source?: SourceName, url?: string, };

/**
 * One of them.
 */
export type Completion = { 
/**
 * What is shown.
 */
text: string, 
/**
 * What takes the place of the word.
 */
insert: string, 
/**
 * `metric`, `function`, `aggregation`, `label`, `value`, `duration`, `keyword`
 */
kind: string, 
/**
 * Beside it, quiet.
 */
about: string, };

/**
 * What may be written there.
 */
export type Completions = { 
/**
 * The word that a completion takes the place of, in UTF-16 units.
 */
start: number, end: number, rows: Array<Completion>, total: number, };

/**
 * A component, as its probes tell.
 */
export type ComponentRow = { component: string, health: HealthState, reasons: Array<string>, };

/**
 * A context that an environment can be made of.
 */
export type ContextRow = { name: string, cluster: string, user: string | null, namespace: string, 
/**
 * What `kubectl` uses when nothing is said.
 */
current: boolean, 
/**
 * The file of a folder that it stands in.
 */
file?: string, };

/**
 * Whose contexts.
 */
export type ContextsAsk = { 
/**
 * A kubeconfig, or a folder of them; none: the files of `KUBECONFIG`, or the one in the home
 * directory.
 */
kubeconfig?: string, };

/**
 * Each control: none when it may be used, else what to say beside it.
 */
export type Controls = { pause: string | null, resume: string | null, retry: string | null, 
/**
 * End the current step.
 */
promote: string | null, 
/**
 * Go to 100 %.
 */
promote_full: string | null, approve: string | null, reject: string | null, abort: string | null, };

/**
 * The evidence of one counted metric in one step.
 */
export type CountEvidence = { verdict: Verdict, 
/**
 * Counted in this step.
 */
candidate: Counts, stable: Counts, 
/**
 * What the ratio compares with: `stable`, with the reference where that had to be used.
 */
compared: Counts, basis: Basis, 
/**
 * Looks taken so far.
 */
looks: number, 
/**
 * Candidate's rate of bad requests over the compared one, `None` where there is none.
 */
ratio: number | null, 
/**
 * 95 % interval of `ratio` by the exact method of Clopper and Pearson.
 */
ratio_low: number | null, ratio_high: number | null, 
/**
 * Evidence of harm (an e-value: 1 is none), and what it must reach for `Fail`: K·S/α.
 */
harm_e: number, harm_bound: number, 
/**
 * Highest evidence of safety so far, and what it must reach for `Pass`: 1/α.
 */
safe_e: number, safe_bound: number, safe_by: SafeBy | null, 
/**
 * Candidate requests until the nearer decision if things go on as they went: an estimate.
 * `None` when it cannot be said.
 */
requests_needed: number | null, 
/**
 * Which decision that is: `Pass` or `Fail`.
 */
needed_for: Verdict | null, 
/**
 * It would pass, but evidence of harm is past the square root of its bound.
 */
held_back: boolean, };

/**
 * Requests, and the bad ones among them. More bad than all is a contradiction and judged `Error`.
 */
export type Counts = { 
/**
 * All requests that were answered, good or bad.
 */
total: number, 
/**
 * Those of `total` that were bad: failed, or slower than the threshold.
 */
bad: number, };

/**
 * A question, and the file for its answer.
 */
export type CsvAsk = { ask: QueryAsk, 
/**
 * It must not be there yet.
 */
to: string, };

/**
 * What was written.
 */
export type CsvWritten = { to: string, rows: number, };

/**
 * One figure of both, point by point; none where nothing was answered.
 */
export type Curves = { candidate: Array<number | null>, stable: Array<number | null>, };

/**
 * Panels under variables.
 */
export type Dashboard = { title: string, about: string, 
/**
 * Who is asked; none: the environment's default.
 */
source: SourceName | null, variables: Array<DashboardVariable>, panels: Array<Panel>, };

/**
 * What is drawn in it.
 */
export type DashboardQuery = { query: string, 
/**
 * How its lines are called: `{{slot}}` stands for a label.
 */
legend: string | null, };

/**
 * A dashboard in a list.
 */
export type DashboardRow = { name: string, title: string, about: string, 
/**
 * Where it lies; none: it ships with Deckwatch.
 */
file: string | null, 
/**
 * Why it cannot be shown.
 */
mistakes: Array<PlanMistake>, };

/**
 * What a reader chooses.
 */
export type DashboardVariable = { name: string, title: string, 
/**
 * Its values are those of this label.
 */
label: string | null, 
/**
 * Of the series that this selector means; none: of all.
 */
of: string | null, 
/**
 * All values at once can be chosen; queries then say `=~"$name"`.
 */
all: boolean, 
/**
 * Its values, where they are written down.
 */
values: Array<string>, };

/**
 * A dashboard with what can be chosen in it.
 */
export type DashboardView = { dashboard: Dashboard, 
/**
 * As it was written.
 */
yaml: string, file: string | null, variables: Array<VariableView>, };

/**
 * A definition as written.
 */
export type Define = { yaml: string, };

/**
 * What a check of a definition found.
 */
export type DefinitionCheck = { mistakes: Array<PlanMistake>, };

export type Density = "comfortable" | "compact";

/**
 * What a metric's answer rests on, by kind of metric.
 */
export type Detail = { "kind": "count", "evidence": CountEvidence } | { "kind": "gauge", "evidence": GaugeAnswer } | { "kind": "limit", "evidence": LimitAnswer } | { "kind": "unreadable" };

/**
 * One figure of two stretches.
 */
export type Difference = { 
/**
 * `errors`, `mean`, `p50`, `p95`, `p99`, `cpu`, `memory`.
 */
figure: string, 
/**
 * `share`, `ms`, `cores`, `bytes`.
 */
unit: string, a: number | null, b: number | null, 
/**
 * From a to b, as a share of a; of shares, the difference itself. None where it has no meaning.
 */
change: number | null, 
/**
 * Of errors: they differ by so little that it could be chance (a z-test at 5 %).
 */
by_chance: boolean, };

/**
 * A SHA-256, written as 64 hexadecimal digits.
 */
export type Digest = string;

/**
 * Which way a metric must not move.
 */
export type Direction = "higher-is-worse" | "lower-is-worse" | "either";

/**
 * All of it.
 */
export type Doctor = { version: string, worst: Level, checks: Array<Check>, };

/**
 * What a document says, and what would not be carried over.
 */
export type DocumentRead = { mistakes: Array<PlanMistake>, 
/**
 * `service/name` of each.
 */
objectives: Array<string>, 
/**
 * With their places.
 */
left_out: Array<PlanMistake>, 
/**
 * Those among them that the file has already.
 */
twice: Array<string>, };

/**
 * It was done.
 */
export type Done = { 
/**
 * What was done, in words.
 */
done: string, };

/**
 * A change of the traffic that did not come from here. Forward writes are refused until a person
 * has settled it; the way back is not.
 */
export type Drift = { 
/**
 * Who wrote last, as far as the platform can tell; a field manager in Kubernetes.
 */
by?: string | null, 
/**
 * What differs, in words.
 */
what: string, };

/**
 * A drill, as listed.
 */
export type DrillRow = { name: string, about: string, asks: Asks, 
/**
 * What the one who plays does, in a sentence.
 */
you: string, 
/**
 * About how long it takes.
 */
takes: string, by_hand: string, };

/**
 * Who drives while the window is open.
 */
export type Drive = "window" | "agent-only";

/**
 * Who drives rollouts here.
 */
export type Driving = { "kind": "this" } | { "kind": "other", name: string, } | { "kind": "nobody" };

/**
 * One place that releases go to: a data folder of its own, with its own node and journal.
 */
export type Environment = { name: string, folder: string, class: Class, 
/**
 * One of `slate`, `blue`, `teal`, `violet`, `amber`; production has its own.
 */
colour: Colour, 
/**
 * Commands are refused, but for the way back. It can be opened for a stated time.
 */
read_only: boolean, 
/**
 * The cluster in which its services run; none: they run on this machine.
 */
cluster?: ClusterPlace, 
/**
 * A Prometheus to be asked here. A cluster may name its own in its place; this one is asked first.
 */
metrics?: MetricsSource, };

/**
 * A lease's generation. Every write carries one; a platform refuses a lower one than it has seen.
 */
export type Epoch = number;

/**
 * Whoever evaluates.
 */
export type Evaluator = { 
/**
 * Its newest sign of life.
 */
at: Timestamp | null, by: string, 
/**
 * Somebody evaluates now.
 */
current: boolean, 
/**
 * A group is still behind: what was missed is made up for.
 */
behind: boolean, trouble: Array<string>, };

/**
 * One event in the journal. Unique, so that an event is absorbed or imported once.
 */
export type EventId = string;

/**
 * One event in a list.
 */
export type EventRow = { seq: number, event_id: EventId, stream: string, kind: string, actor: Actor, occurred_at: Timestamp, recorded_at: Timestamp, 
/**
 * One sentence.
 */
words: string, tone: Tone, 
/**
 * Null when it was redacted.
 */
payload: JsonValue, };

/**
 * Which events.
 */
export type Events = { service?: ServiceName, 
/**
 * Part of the actor's id.
 */
actor?: string, 
/**
 * The kind, or how it begins.
 */
kind?: string, since?: Timestamp, until?: Timestamp, after_seq?: number, 
/**
 * The newest so many.
 */
limit?: number, };

/**
 * Which events.
 */
export type EventsAsk = { service?: ServiceName, 
/**
 * A part of the actor's id.
 */
actor?: string, 
/**
 * The kind, or how it begins.
 */
kind?: string, since?: Timestamp, until?: Timestamp, 
/**
 * A part of the stream, the kind or the actor.
 */
filter?: string, offset?: number, 
/**
 * At most 500.
 */
limit?: number, };

/**
 * Events, newest first, and the kinds there are.
 */
export type EventsPage = { total: number, rows: Array<EventRow>, kinds: Array<string>, };

/**
 * One metric's evidence over time; an e-value of 1 is none.
 */
export type EvidenceCurve = { metric: string, at: Array<Timestamp>, harm_e: Array<number>, safe_e: Array<number>, 
/**
 * `Fail` is decided here.
 */
harm_bound: number, 
/**
 * `Pass` is possible from here.
 */
safe_bound: number, };

/**
 * A time that shall not count.
 */
export type Exclude = { service: ServiceName, 
/**
 * Of this objective; none: of all of the service.
 */
objective?: string, from: Timestamp, 
/**
 * The first moment that counts again.
 */
to: Timestamp, reason: string, };

/**
 * A time that does not count.
 */
export type Excluded = { 
/**
 * None: it stands in the file, and is changed there.
 */
id: EventId | null, service: ServiceName, 
/**
 * None: of all of the service.
 */
objective: string | null, from: Timestamp, to: Timestamp, reason: string, author: string, 
/**
 * When it was said.
 */
at: Timestamp | null, };

/**
 * What was exported.
 */
export type Exported = { to: string, events: number, 
/**
 * Noted elsewhere, it proves later that no line is missing at the end.
 */
head_hash: string, };

/**
 * Faults to switch, as the demo service's `/faults` takes them.
 */
export type Fault = { service: ServiceName, version: string, faults: JsonValue, };

/**
 * Faults that can be switched while a service runs. Everything at 0 or false is health.
 */
export type FaultsView = { 
/**
 * Share of requests answered with 500, 0 to 1.
 */
errors: number, 
/**
 * Extra time before each answer.
 */
latency_ms: number, 
/**
 * Share of requests that are never answered.
 */
hang: number, 
/**
 * Answers 503 to the readiness probe.
 */
refuse_ready: boolean, 
/**
 * Bytes kept with every request.
 */
leak_bytes: number, };

/**
 * One field.
 */
export type FieldDiff = { 
/**
 * `spec.template.spec.containers[main].image`
 */
field: string, state: FieldState, 
/**
 * What Deckwatch applied, as JSON; none: nothing, or it is not recorded.
 */
applied: string | null, 
/**
 * What is there, as JSON.
 */
found: string | null, 
/**
 * Who owns what is there.
 */
owners: Array<Owner>, };

/**
 * How a field stands.
 */
export type FieldState = "differs" | "taken" | "same";

/**
 * What one version of a service did in a stretch of time. What was not measured is not there.
 */
export type Figures = { version: ReleaseVersion, from: Timestamp, to: Timestamp, 
/**
 * How much of the stretch was really covered by samples.
 */
covered: Span, requests: number, 
/**
 * 5xx, timeouts and refused connections.
 */
errors: number, mean_ms: number | null, 
/**
 * Estimates out of the proxy's buckets, as the other quantiles.
 */
p50_ms: number | null, p95_ms: number | null, p99_ms: number | null, 
/**
 * Of an instance: the mean over the stretch.
 */
cpu_cores: number | null, memory_bytes: number | null, };

/**
 * A mounted file system, in bytes.
 */
export type FileSystemRow = { mount: string, device: string, size: number, available: number, };

/**
 * Some of what there is, and how much there is.
 */
export type Found<T> = { rows: Array<T>, total: number, 
/**
 * Who answered: `samples`, or an address.
 */
source: string, };

/**
 * One thing told to whoever watches.
 */
export type Frame = { "kind": "answer", at: Timestamp, answer: unknown, } | { "kind": "more", at: Timestamp, answer: unknown, 
/**
 * What could not be kept up with and is left out.
 */
skipped: number, } | { "kind": "problem", at: Timestamp, problem: Problem, };

/**
 * A freeze that is on.
 */
export type Freeze = { reason: string, by: string, at: Timestamp, };

/**
 * How true what is shown of some kinds is.
 */
export type Freshness = { 
/**
 * Every watch lives: what is shown is what is there.
 */
follows: boolean, 
/**
 * When the kind that was heard of longest ago was; none: one was never heard of.
 */
at: Timestamp | null, 
/**
 * Why a watch does not live.
 */
trouble: string | null, };

/**
 * A file to read.
 */
export type FromFile = { from: string, };

/**
 * A stretch of time without a scrape: the machine slept, or nothing scraped.
 */
export type GapRow = { from: Timestamp, to: Timestamp, };

/**
 * One gate of the current step.
 */
export type GateStatus = { name: string, open: boolean, why: string, 
/**
 * Who can open it.
 */
opens: string, 
/**
 * It opens by what people do, not by itself.
 */
asks_people: boolean, };

/**
 * What a gauge's answer rests on. Units are the gauge's own.
 */
export type GaugeAnswer = { verdict: Verdict, 
/**
 * Points of each side.
 */
candidate: number, stable: number, 
/**
 * Chance of a difference this large, in the direction that is worse, when there is none.
 */
p: number | null, 
/**
 * Candidate's shift against stable (Hodges–Lehmann), with its interval at confidence 1−2α:
 * each end is wrong with a chance of at most α.
 */
shift: number | null, shift_low: number | null, shift_high: number | null, 
/**
 * `shift` as a share of stable's median, `None` where that is 0.
 */
relative: number | null, 
/**
 * Ratio of the means, `None` where stable's is 0.
 */
mean_ratio: number | null, 
/**
 * Chance that a candidate's reading is above one of stable's: 0.5 is no difference.
 */
superiority: number | null, words: string, };

/**
 * A rollout to end.
 */
export type GiveUp = { service: ServiceName, note?: string, 
/**
 * What is taken back beside the traffic.
 */
kind?: RollbackKind, };

/**
 * A rollout that was given up.
 */
export type GivenUp = { done: string, 
/**
 * The way back; none when no traffic was the rollout's yet.
 */
back: RollBackAnswer | null, };

/**
 * How a drill went.
 */
export type GradeRow = { drill: string, at: Timestamp, passed: boolean, 
/**
 * 0 to 3.
 */
stars: number, detected_in_ms: number | null, back_in_ms: number | null, clients_hurt: number, dropped: number, words: Array<string>, };

/**
 * The demo services that stand.
 */
export type Ground = { folder: string, 
/**
 * Name, address and the releases there are.
 */
services: Array<GroundService>, };

/**
 * One of them.
 */
export type GroundService = { service: string, about: string, address: string, releases: Array<string>, };

/**
 * Requests whose header has this value go to one slot, whatever the weights say; honoured while
 * that slot plays a role and has a ready instance.
 */
export type HeaderRoute = { header: string, value: string, } & ({ "slot": Slot } | { "role": Role });

/**
 * 100 less what was lost. Below 50 it is critical.
 */
export type Health = { score: number, critical: boolean, 
/**
 * The heaviest first.
 */
lost: Array<Loss>, };

/**
 * How something is.
 */
export type HealthState = "healthy" | "degraded" | "unhealthy" | "unknown";

/**
 * How far back.
 */
export type HostAsk = { 
/**
 * Five minutes when it is not said; at most a day.
 */
over?: Span, };

/**
 * The machine.
 */
export type HostView = { host: string, 
/**
 * The newest moment that was measured; none: nothing was, in this stretch.
 */
at: Timestamp | null, 
/**
 * That moment is of now.
 */
current: boolean, over: Span, 
/**
 * Shares, 0 to 1.
 */
cpu: SpreadRow, memory: SpreadRow, swap: SpreadRow, load1: SpreadRow, 
/**
 * Bytes a second, all devices together.
 */
disk_read: SpreadRow, disk_written: SpreadRow, network_received: SpreadRow, network_sent: SpreadRow, processes: SpreadRow, cpus: number | null, memory_bytes: number | null, booted: Timestamp | null, file_systems: Array<FileSystemRow>, 
/**
 * The busiest first.
 */
programs: Array<ProgramRow>, };

/**
 * How the identity of an actor was established.
 */
export type Identity = "operating-system" | "kubernetes" | "claimed";

/**
 * A document of Deckwatch, OpenSLO, Sloth or Pyrra.
 */
export type ImportObjectives = { text: string, 
/**
 * Only say what would come of it.
 */
dry: boolean, };

/**
 * What one instance is doing.
 */
export type InstancePhase = "starting" | "ready" | "unready" | "back-off" | "draining" | "stopped";

/**
 * One process (or pod) of a slot.
 */
export type InstanceState = { 
/**
 * `green-1`, or the pod's name.
 */
id: string, phase: InstancePhase, pid: number | null, port: number | null, restarts: number, since: Timestamp, 
/**
 * What its last start took, from the process to its first good readiness check.
 */
ready_after?: Span | null, 
/**
 * Why it is not ready: `exit code 3`, `signal 9`, `readiness: HTTP 503`. Of one that is ready,
 * how it ended before: `ended earlier: signal 9`.
 */
last_problem?: string | null, };

/**
 * One intended effect on a platform; the platform recognises a repeat by it.
 */
export type IntentId = string;

/**
 * The journal in one line.
 */
export type JournalLine = { usable: boolean, head: number | null, 
/**
 * Why it cannot be used.
 */
words: string, };

export type JsonValue = number | string | boolean | Array<JsonValue> | { [key in string]: JsonValue } | null;

/**
 * Texts as people keep them: CSV or JSON.
 */
export type JudgeText = { 
/**
 * The candidate's text; or one with both sides, or a list of cases, when there is no other.
 */
candidate: string, stable?: string, 
/**
 * As the judge takes them: `{"rule": {"margin": 0.01}, "budget": {"alpha": 0.01}}`.
 */
options?: JsonValue, };

/**
 * What the judge says of it.
 */
export type Judged = { 
/**
 * Of several cases, the worst.
 */
verdict: Verdict, words: string, 
/**
 * Everything that the verdict rests on.
 */
evidence: JsonValue, };

/**
 * Where a secret's value lies.
 */
export type Kept = "keychain" | "file";

/**
 * One baseline that is kept.
 */
export type KeptBaseline = { name: string, figures: Figures, by: Actor, at: Timestamp, };

/**
 * Whose labels, or whose values.
 */
export type LabelsAsk = { 
/**
 * A selector, `up{job="node"}`; none: all series.
 */
selector?: string, 
/**
 * The label whose values are meant.
 */
label?: string, limit?: number, source?: SourceName, url?: string, };

/**
 * What happened to a service last.
 */
export type LastChange = { what: string, at: Timestamp, };

/**
 * What one cause took.
 */
export type LedgerPart = { 
/**
 * What it is.
 */
kind: CauseKind, 
/**
 * Its id; empty for what is unknown.
 */
id: string, 
/**
 * What people call it.
 */
title: string, 
/**
 * Its bad events.
 */
bad: number, 
/**
 * Those among them that fell into another cause's time as well.
 */
shared: number, 
/**
 * Those among them that were not seen but counted as bad for want of data.
 */
unseen: number, 
/**
 * The share of the whole period's budget that they are; for an exclusion, that they would
 * have been.
 */
points: number, 
/**
 * Where it begins on the ledger.
 */
from: Timestamp, 
/**
 * Where it ends there.
 */
to: Timestamp, };

/**
 * One moment of the line.
 */
export type LedgerPoint = { 
/**
 * The moment.
 */
at: Timestamp, 
/**
 * The share of the period's budget left then.
 */
left: number, 
/**
 * The bad events so far.
 */
bad: number, };

/**
 * How bad.
 */
export type Level = "good" | "note" | "bad";

/**
 * A step in the level.
 */
export type LevelChange = { 
/**
 * The first point at the new level.
 */
at: Timestamp, 
/**
 * The level before, without seasons.
 */
before: number, 
/**
 * The level after.
 */
after: number, };

/**
 * What a limit's answer rests on.
 */
export type LimitAnswer = { verdict: Verdict, 
/**
 * A share of requests, or a mean in its own unit.
 */
observed: number | null, 
/**
 * What it had to stay at or below (at or above for success).
 */
limit: number | null, requests: number, words: string, };

/**
 * What the load generator has counted since it began.
 */
export type LoadView = { 
/**
 * Requests a second asked for.
 */
rate: number, sent: number, failed: number, 
/**
 * Answered by no version: lost by a change, not by a bad release.
 */
dropped: number, clients_hurt: number, last_failure_at: Timestamp | null, };

/**
 * One line an instance printed.
 */
export type LogLine = { at: Timestamp, slot: Slot, instance: string, text: string, };

/**
 * Which lines.
 */
export type Logs = { service: ServiceName, lines?: number, 
/**
 * A part of the line or of the instance's name.
 */
filter?: string, };

/**
 * Points lost, and to what.
 */
export type Loss = { points: number, 
/**
 * None when it is not one service's doing.
 */
service: ServiceName | null, why: string, };

/**
 * How a service stands, worst first. Each has a shape and a word as well as a colour.
 */
export type Mark = "bad" | "warn" | "moving" | "no-data" | "good";

/**
 * Of which time.
 */
export type MarksAsk = { from: Timestamp, to: Timestamp, 
/**
 * None: of every service, each named.
 */
service?: ServiceName, };

/**
 * What was measured of one slot lately.
 */
export type Measured = { 
/**
 * Requests a second.
 */
rate: number | null, 
/**
 * The share of bad answers.
 */
errors: number | null, p95_ms: number | null, 
/**
 * When the newest of these numbers was taken.
 */
at: Timestamp | null, };

/**
 * One metric with its own answer.
 */
export type MetricAnswer = { name: string, direction: Direction, 
/**
 * A metric that is not critical can warn, and neither fail nor pass a rollout.
 */
critical: boolean, verdict: Verdict, detail: Detail, 
/**
 * The evidence in plain sentences.
 */
words: string, };

/**
 * A metric.
 */
export type MetricName = { name: string, 
/**
 * `counter`, `gauge`, `histogram`, `summary`; none: nobody says.
 */
kind: string | null, help: string | null, unit: Unit, 
/**
 * The type is guessed from the name, as nobody says it.
 */
guessed: boolean, };

/**
 * What is drawn.
 */
export type MetricsChart = { 
/**
 * The first moment; the others follow every `step_ms`.
 */
from: Timestamp, step_ms: number, moments: number, 
/**
 * In the order that the query gives them.
 */
series: Array<ChartSeries>, 
/**
 * Series there are; more than are told where they are too many.
 */
total: number, unit: Unit, notes: Array<string>, 
/**
 * Who answered: `samples`, or an address.
 */
source: string, 
/**
 * Milliseconds until the answer was there.
 */
took_ms: number, };

/**
 * A Prometheus, and what it calls the things that are judged. `$namespace` stands for the
 * namespace in every query.
 */
export type MetricsSource = { 
/**
 * `http://…`, `https://…`, or a service of the cluster, reached through its API server:
 * `service://namespace/name:port`.
 */
url: string, 
/**
 * A PEM file with the authority that vouches for it.
 */
ca?: string, 
/**
 * Who asks, where it wants a password.
 */
user?: string, 
/**
 * The name of the secret that holds its token, or the user's password.
 */
token?: string, 
/**
 * Counters of requests with the labels `pod` and `code` (an HTTP status).
 */
responses: string, 
/**
 * Counters of a latency histogram in seconds with the labels `pod` and `le`; empty: latency is
 * not judged.
 */
seconds: string, };

/**
 * What can be asked here.
 */
export type MetricsSources = { 
/**
 * Who answers where nothing is said.
 */
default: SourceName, 
/**
 * The address of the environment's Prometheus; none is named.
 */
prometheus: string | null, 
/**
 * Its version, or why it does not answer.
 */
version: string | null, problem: string | null, };

/**
 * A right that is missing.
 */
export type MissingRight = { 
/**
 * `patch httproutes.gateway.networking.k8s.io`
 */
right: string, 
/**
 * What does not work without it.
 */
why: string, 
/**
 * Traffic cannot be taken back without it.
 */
for_the_way_back: boolean, };

/**
 * A rollout under way.
 */
export type Moving = { service: ServiceName, from: ReleaseVersion | null, to: ReleaseVersion, phase: Phase, weight: number, 
/**
 * Where it stands, in words.
 */
standing: string, driver: string | null, };

/**
 * Which metrics.
 */
export type NamesAsk = { 
/**
 * Letters of the name or words of its help; the best fit comes first.
 */
filter?: string, limit?: number, source?: SourceName, url?: string, };

/**
 * A secret to keep.
 */
export type NewSecret = { 
/**
 * Letters, digits, `_`, `-` and `.`; at most 64.
 */
name: string, value: string, };

/**
 * What a node says of itself.
 */
export type NodeStatus = { 
/**
 * Deckwatch's version.
 */
version: string, protocol: number, pid: number, started_at: Timestamp, services: Array<ServiceStatus>, 
/**
 * What went wrong and was got around: set-aside files, disk trouble. Newest last.
 */
troubles: Array<string>, };

/**
 * A service and a word about it.
 */
export type Noted = { service: ServiceName, note?: string, };

/**
 * No parameters.
 */
export type Nothing = Record<symbol, never>;

/**
 * One thing to tell.
 */
export type Notice = { service: ServiceName | null, title: string, body: string, };

/**
 * One thing that the cluster says has happened.
 */
export type NoticeRow = { warning: boolean, reason: string, message: string, 
/**
 * Kind and name of what it is about; the kind may be one that is not read here.
 */
kind: string, name: string, service: ServiceName | null, slot: Slot | null, count: number, first: Timestamp, last: Timestamp, by: string, };

/**
 * What the cluster's events can be sorted by.
 */
export type NoticeSort = "warnings" | "newest" | "reason" | "object" | "count";

/**
 * Which of the cluster's events.
 */
export type NoticesAsk = { service?: ServiceName, 
/**
 * Only what is about this object: its name.
 */
about?: string, warnings_only?: boolean, 
/**
 * A part of the reason, the message, the name or the service.
 */
filter?: string, sort?: NoticeSort, descending?: boolean, offset?: number, 
/**
 * At most 500.
 */
limit?: number, };

/**
 * A page of the cluster's events.
 */
export type NoticesPage = { freshness: Freshness, total: number, warnings: number, rows: Array<NoticeRow>, };

/**
 * One object.
 */
export type ObjectAsk = { kind: ObjectKind, name: string, };

/**
 * An object beside what was applied to it.
 */
export type ObjectDiff = { kind: ObjectKind, name: string, read_at: Timestamp, 
/**
 * When Deckwatch last wrote into it; none: it never did.
 */
applied_at: Timestamp | null, 
/**
 * What differs first.
 */
fields: Array<FieldDiff>, };

/**
 * One kind of object. Secrets are none of them: what is not here cannot be read.
 */
export type ObjectKind = "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Pod" | "Service" | "EndpointSlice" | "HTTPRoute" | "VirtualService" | "Ingress" | "HorizontalPodAutoscaler" | "PodDisruptionBudget" | "Event";

/**
 * One object that is neither a pod nor an event.
 */
export type ObjectRow = { kind: ObjectKind, name: string, 
/**
 * The adopted service that it belongs to.
 */
service: ServiceName | null, slot: Slot | null, standing: Standing, 
/**
 * How it stands in words: `3 of 4 ready`.
 */
state: string, 
/**
 * Why it is not well, in words.
 */
why: string | null, 
/**
 * Images, ports, hosts: what a person knows it by.
 */
about: string, 
/**
 * What made it: a ReplicaSet's Deployment.
 */
owner: string | null, created: Timestamp, };

/**
 * What objects can be sorted by.
 */
export type ObjectSort = "trouble" | "kind" | "name" | "service" | "age";

/**
 * One object as YAML.
 */
export type ObjectText = { kind: ObjectKind, name: string, read_at: Timestamp, yaml: string, 
/**
 * Who owns its fields: how many managers, whether or not they are in the text.
 */
managers: number, 
/**
 * The text is with `managedFields`.
 */
managed: boolean, };

/**
 * What a check found.
 */
export type ObjectivesCheck = { mistakes: Array<PlanMistake>, 
/**
 * `service/name` of each.
 */
objectives: Array<string>, 
/**
 * Alerts that could never come, and what to use instead.
 */
refused: Array<string>, };

/**
 * The file as it is.
 */
export type ObjectivesFile = { path: string, 
/**
 * None: there is none, and nothing is promised.
 */
text: string | null, check: ObjectivesCheck, };

/**
 * A text for the file.
 */
export type ObjectivesText = { yaml: string, };

/**
 * Objectives as a text, and what it does not say.
 */
export type ObjectivesTold = { text: string, 
/**
 * `service/name` of each.
 */
objectives: Array<string>, 
/**
 * With the place in the document that was read, where there is one.
 */
left_out: Array<PlanMistake>, };

/**
 * Which objects.
 */
export type ObjectsAsk = { 
/**
 * Only what belongs to this adopted service.
 */
service?: ServiceName, kind?: ObjectKind, 
/**
 * A part of the name, the service, the state or what it is about.
 */
filter?: string, sort?: ObjectSort, descending?: boolean, offset?: number, 
/**
 * At most 500.
 */
limit?: number, };

/**
 * A page of objects.
 */
export type ObjectsPage = { 
/**
 * How true the rows are.
 */
freshness: Freshness, total: number, 
/**
 * How many of them are not well.
 */
trouble: number, rows: Array<ObjectRow>, };

/**
 * One look at a service.
 */
export type Observation = { service: ServiceName, 
/**
 * When the platform looked, by its own clock.
 */
at: Timestamp, traffic: Traffic, slots: PerSlot<SlotState>, 
/**
 * Instances that the service's definition asks for in a full slot.
 */
instances: number, 
/**
 * Where the candidate alone answers, whatever the weights say; none when the service's
 * definition names no such place.
 */
preview?: string | null, 
/**
 * The newest intents that were carried out, so that a driver that died between doing and
 * writing down can tell.
 */
applied: Array<IntentId>, 
/**
 * What really carries the traffic is not what was written here: somebody else has changed it.
 */
drift?: Drift | null, 
/**
 * How finely the traffic can be shared out.
 */
sharing?: Sharing, 
/**
 * What the instances that are ready now make of weights that go by instances; none where they
 * do not, or where one slot has everything.
 */
reached?: Weights | null, };

/**
 * What came of one of them.
 */
export type OneBack = { service: ServiceName, back: RollBackAnswer | null, problem: Problem | null, };

/**
 * Opens a read-only environment.
 */
export type OpenAccess = { 
/**
 * For how long, at most eight hours.
 */
within: Span, reason: string, };

/**
 * An opening that holds.
 */
export type Opened = { until: Timestamp, reason: string, by: string, at: Timestamp, };

/**
 * Which attempt at a task.
 */
export type OutputAsk = { service: ServiceName, intent: IntentId, };

/**
 * Who wrote a field last.
 */
export type Owner = { manager: string, 
/**
 * `Apply` or `Update`
 */
operation: string, 
/**
 * When this manager last wrote anything into the object this way.
 */
at: Timestamp | null, 
/**
 * `scale`, `status`; none: the object itself.
 */
subresource: string | null, };

/**
 * One page of a longer list.
 */
export type Page<T> = { 
/**
 * Rows there are, on this page and off it.
 */
total: number, rows: Array<T>, };

/**
 * One picture.
 */
export type Panel = { title: string, about: string, 
/**
 * None: what the query says.
 */
unit: Unit | null, 
/**
 * Of twelve columns.
 */
width: number, queries: Array<DashboardQuery>, };

/**
 * One panel over a range.
 */
export type PanelAsk = { name: string, 
/**
 * Which one, beginning at 0.
 */
panel: number, 
/**
 * What is chosen.
 */
variables: Array<Chosen>, 
/**
 * The range; its query is the panel's.
 */
range: ChartAsk, };

/**
 * One query of a panel, answered.
 */
export type PanelPart = { 
/**
 * As it was asked, with its variables in their places.
 */
query: string, 
/**
 * How its lines are called: `{{slot}}` stands for a label.
 */
legend: string | null, chart: MetricsChart | null, problem: Problem | null, };

/**
 * Why a rollout is held.
 */
export type PauseReason = "person" | "planned" | "inconclusive" | "no-data" | "judge-error" | "trouble" | "foreign-write";

/**
 * A value for each slot.
 */
export type PerSlot<T> = { blue: T, green: T, };

/**
 * One stretch of a period, from its first moment to the next one's.
 */
export type PeriodSpan = { 
/**
 * Its name: `November 2026`, `last 30d`.
 */
title: string, 
/**
 * The first moment.
 */
from: Timestamp, 
/**
 * The first moment after it.
 */
to: Timestamp, };

/**
 * The phase of a rollout, as people name it.
 */
export type Phase = "pending" | "progressing" | { "paused": PauseReason } | "rolling-back" | "promoted" | "rolled-back" | "aborted" | "superseded" | "failed";

/**
 * Where in its plan a task stands.
 */
export type Place = { "at": "before", index: number, } | { "at": "step", step: number, index: number, } | { "at": "during", index: number, } | { "at": "after", index: number, } | { "at": "export" } | { "at": "import" } | { "at": "verify", index: number, };

/**
 * What a check found.
 */
export type PlanCheck = { mistakes: Array<PlanMistake>, reach: Reach | null, 
/**
 * What becomes of the plan with what stands in front of the service and its instances.
 */
notes?: Array<string>, };

/**
 * A mistake with its place.
 */
export type PlanMistake = { line: number, column: number, path: string, message: string, };

/**
 * A plan in a list.
 */
export type PlanRow = { name: string, about: string, weights: Array<number>, };

/**
 * A plan's text.
 */
export type PlanText = { name: string, yaml: string, };

/**
 * One write of an adoption.
 */
export type PlannedStep = { what: string, 
/**
 * `Service`, `HTTPRoute`, …
 */
kind: string, name: string, 
/**
 * The object that is made, or the operations on the one there is.
 */
body: JsonValue, };

/**
 * Which drill.
 */
export type PlayDrill = { drill: string, };

/**
 * A drill under way, or the one that ended last.
 */
export type Playing = { drill: string, since: Timestamp, ended: Timestamp | null, 
/**
 * What was told on the way.
 */
lines: Array<string>, grade: GradeRow | null, 
/**
 * Why it was not played to its end.
 */
problem: string | null, };

/**
 * One line.
 */
export type PodLine = { 
/**
 * When the node took it in; the epoch where it does not say.
 */
at: Timestamp, text: string, };

/**
 * Which lines.
 */
export type PodLogs = { pod: string, 
/**
 * None: the only one there is.
 */
container?: string, 
/**
 * Of the container that ran before this one and ended.
 */
previous?: boolean, 
/**
 * The last so many, at most 10,000.
 */
lines?: number, };

/**
 * One pod.
 */
export type PodRow = { name: string, service: ServiceName | null, slot: Slot | null, 
/**
 * The Deployment that it is of.
 */
workload: string | null, standing: Standing, 
/**
 * As the cluster has it, or why a container waits: `Running`, `CrashLoopBackOff`.
 */
phase: string, 
/**
 * Containers that are ready.
 */
ready: number, 
/**
 * Their names.
 */
containers: Array<string>, restarts: number, node: string | null, created: Timestamp, 
/**
 * The first container's, or the one that releases are for.
 */
image: string, 
/**
 * Why it is not ready, in words.
 */
why: string | null, };

/**
 * What pods can be sorted by.
 */
export type PodSort = "trouble" | "name" | "service" | "node" | "restarts" | "age";

/**
 * Which pods.
 */
export type PodsAsk = { service?: ServiceName, 
/**
 * Only those that are not well.
 */
trouble_only?: boolean, 
/**
 * A part of the name, the service, the phase, the node, the image or the reason.
 */
filter?: string, sort?: PodSort, descending?: boolean, offset?: number, 
/**
 * At most 500.
 */
limit?: number, };

/**
 * A page of pods.
 */
export type PodsPage = { freshness: Freshness, total: number, 
/**
 * How many of them are not well.
 */
trouble: number, rows: Array<PodRow>, };

/**
 * One of the objectives to begin with, for a service.
 */
export type PresetAsk = { name: string, service: ServiceName, };

/**
 * What would be written, said before it is.
 */
export type Preview = { service: ServiceName, from: Weights, 
/**
 * None when there is nothing to go back to; `obstacles` says why.
 */
to: Weights | null, slot: Slot | null, version: ReleaseVersion | null, leaving: ReleaseVersion | null, rollout: RolloutId | null, ready: number, wanted: number, 
/**
 * Answers under way in the slot that would lose its traffic.
 */
in_flight: number, 
/**
 * Whom the candidate was given to, whatever the weights; the same write ends it. In words.
 */
ends_audience: string | null, 
/**
 * Until as many instances are ready there as there should be: an estimate from what starts
 * took so far. None: they are, or nothing is known.
 */
full_after: Span | null, 
/**
 * What stands in the way, or makes it slower, in words.
 */
obstacles: Array<string>, 
/**
 * What the rehearsal of this very write took, when it could be made.
 */
rehearsed_us: number | null, };

/**
 * What it printed.
 */
export type Printed = { 
/**
 * The newest of what was kept.
 */
text: string, 
/**
 * Of everything it printed.
 */
bytes: number, running: boolean, };

/**
 * A probe and its newest result.
 */
export type ProbeRow = { name: string, component: string, 
/**
 * `http`, `tcp` or `dns`
 */
kind: string, 
/**
 * What is asked.
 */
target: string, critical: boolean, every: Span, health: HealthState, 
/**
 * Since when it is as healthy as it is.
 */
since: Timestamp | null, reasons: Array<string>, last: ProbingRow | null, };

/**
 * The probes, and the components that they tell of.
 */
export type ProbesView = { scraping: Scraping, components: Array<ComponentRow>, probes: Array<ProbeRow>, };

/**
 * One probing.
 */
export type ProbingRow = { at: Timestamp, took_ms: number, success: boolean, 
/**
 * Of HTTP.
 */
status: number | null, certificate_until: Timestamp | null, 
/**
 * Of a name server.
 */
answers: Array<string>, 
/**
 * Milliseconds of each part: `resolve`, `connect`, `tls`, `processing`, `transfer`.
 */
phases: Array<[string, number]>, };

/**
 * Why something was not done.
 */
export type Problem = { 
/**
 * Stable: `refused.rollout-live`, `platform.unreachable`, `plan.invalid`.
 */
code: string, message: string, detail?: unknown, };

/**
 * All processes of one name.
 */
export type ProgramRow = { name: string, 
/**
 * Processors' worth of time.
 */
cpu_cores: number, resident_bytes: number, processes: number, };

/**
 * What the lane is doing.
 */
export type Progress = { "progress": "reaching", why: string, } | { "progress": "waiting-for-ready", slot: Slot, } | { "progress": "shifted", record: TakeBackRecord, after_us: number, } | { "progress": "scaling-up", slot: Slot, ready: number, wanted: number, } | { "progress": "draining", in_flight: number, } | { "progress": "retired", slot: Slot, } | { "progress": "warning", what: string, };

/**
 * How far to promote.
 */
export type Promote = { service: ServiceName, 
/**
 * Straight to 100 %.
 */
full?: boolean, 
/**
 * The reason for overriding what is not open.
 */
break_glass?: string, };

/**
 * What the tasks of a release that was taken back did is to be taken back as well.
 */
export type PutBack = { service: ServiceName, kind: RollbackKind, reason?: string, };

/**
 * What a query gave.
 */
export type QueryAnswer = { 
/**
 * `scalar`, `string`, `vector`, `matrix`
 */
kind: string, 
/**
 * In the order that the query gives them.
 */
series: Array<QuerySeries>, 
/**
 * Series there are; more than are told where they were limited.
 */
total: number, 
/**
 * Of a `string`.
 */
text: string | null, 
/**
 * Warnings and remarks.
 */
notes: Array<string>, 
/**
 * Who answered: `samples`, or an address.
 */
source: string, };

/**
 * A question.
 */
export type QueryAsk = { query: string, 
/**
 * The one moment that is meant; none: now, or the end of the range.
 */
at?: Timestamp, 
/**
 * With a step, from here on.
 */
from?: Timestamp, step?: Span, 
/**
 * Who is asked; none: the environment's Prometheus if it names one, else its own samples.
 */
source?: SourceName, 
/**
 * Asks the Prometheus at this address instead.
 */
url?: string, 
/**
 * Series that are told at most; none: all.
 */
limit?: number, };

/**
 * The first thing wrong with a query.
 */
export type QueryMistake = { message: string, 
/**
 * `line:column`, beginning at 1.
 */
position: string, 
/**
 * UTF-16 units of the query; the end may be the start where something is missing.
 */
start: number, end: number, };

/**
 * What a query says.
 */
export type QueryRead = { mistake: QueryMistake | null, 
/**
 * `scalar`, `string`, `instant vector`, `range vector`
 */
kind: string | null, 
/**
 * As Prometheus writes it.
 */
formatted: string | null, unit: Unit, 
/**
 * The metrics it names.
 */
metrics: Array<string>, };

/**
 * One series of an answer.
 */
export type QuerySeries = { labels: Record<string, string>, 
/**
 * Moments and values, the oldest first; values as text, as they may be `NaN` or `+Inf`.
 */
points: Array<[Timestamp, string]>, };

/**
 * The outlook of a whole plan.
 */
export type Reach = { 
/**
 * Requests a second to the service that this was reckoned with; none: not known.
 */
rate: number | null, steps: Array<StepReach>, 
/**
 * A person can start it: every judged step can pass, or absence of harm is accepted by name.
 */
accepted: boolean, words: string, };

/**
 * A query that is being written.
 */
export type ReadAsk = { query: string, };

/**
 * How it is known that an instance can serve: an HTTP GET that answers 2xx or 3xx.
 */
export type Readiness = { path: string, interval: Span, timeout: Span, 
/**
 * Good answers in a row before it is ready.
 */
healthy_after: number, 
/**
 * Bad answers in a row before it no longer is.
 */
unhealthy_after: number, };

/**
 * A reason.
 */
export type Reason = { reason: string, };

/**
 * The last rehearsal of the way back that is on record.
 */
export type Rehearsal = { at: Timestamp, took_us: number, obstacles: Array<string>, };

/**
 * What to run: a version, and what differs from the service's definition for it.
 */
export type ReleaseSpec = { version: ReleaseVersion, 
/**
 * Replaces the definition's command; `{port}` and `{version}` are filled in.
 */
command?: Array<string> | null, 
/**
 * Added to the definition's environment.
 */
env?: { [key in string]: string }, 
/**
 * The container image to run; Kubernetes only. None: the image that stable runs.
 */
image?: string | null, };

/**
 * A release's version as its makers write it: `v42`, `2.1.0-rc.1`, a commit.
 */
export type ReleaseVersion = string;

/**
 * Which service to remove.
 */
export type Remove = { service: ServiceName, 
/**
 * Even while it serves.
 */
force?: boolean, };

/**
 * What was done.
 */
export type Report = { service: ServiceName, record: TakeBackRecord, 
/**
 * From the command to the platform's acknowledgement, in microseconds.
 */
acknowledged_us: number, 
/**
 * What the platform itself spent on the write.
 */
platform_us: number, 
/**
 * From the acknowledgement to the last response of the version taken back.
 */
last_response_after_ms: number | null, verified: boolean, retired: boolean, warnings: Array<string>, };

/**
 * How an instance that ended by itself is started again: after `initial`, doubled up to `max`,
 * and from `initial` again once it has run for `reset_after`.
 */
export type Restart = { initial: Span, max: Span, reset_after: Span, };

/**
 * One release that can be taken back.
 */
export type Reversible = { service: ServiceName, 
/**
 * What is taken back, and what serves then.
 */
from: ReleaseVersion | null, to: ReleaseVersion | null, come: Come, weight: number, weights: Weights, 
/**
 * Whom it is given to whatever the weights, in words.
 */
audience: string | null, rollout: RolloutId | null, 
/**
 * Until when the way back is kept warm.
 */
until: Timestamp | null, promoted_at: Timestamp | null, 
/**
 * The share of bad answers of the whole service now.
 */
errors: number | null, 
/**
 * Exactly what will be written, rehearsed just now; or why that could not be said.
 */
preview: Preview | null, trouble: string | null, 
/**
 * Tasks that have begun and that a full rollback takes back, the last first.
 */
ways_back: Array<string>, 
/**
 * Data that only the new release has can be exported and imported again.
 */
preserves: boolean, 
/**
 * Why quick is not enough; none: it is.
 */
full_advised: string | null, 
/**
 * What the kinds take that do more than move the traffic.
 */
back_times: Array<BackTime>, 
/**
 * The obvious one: to be selected when nothing else is.
 */
obvious: boolean, };

/**
 * One promoted release.
 */
export type Revision = { 
/**
 * Counts the promotions to this service, from 1.
 */
number: number, release: ReleaseSpec, rollout: RolloutId, plan: string, 
/**
 * Who started it.
 */
author: Actor, promoted_at: Timestamp, standing: RevisionStanding, 
/**
 * The revision that it went back to, when it was an undo itself.
 */
undo_to: number | null, };

/**
 * Where a revision stands today.
 */
export type RevisionStanding = "serving" | "kept" | "past" | "taken-back";

/**
 * What the version in a slot is to its service.
 */
export type Role = "stable" | "candidate" | "previous" | "free";

/**
 * Who is bound to which role. The file is `roles.yaml` in the data folder:
 * `release-manager: [ana@bridge-7, ben@bridge-9]`.
 */
export type Roles = { file: string, roles: { [key in string]: Array<string> }, 
/**
 * The roles of whoever asks.
 */
mine: Array<string>, };

/**
 * Which service, and why.
 */
export type RollBack = { service: ServiceName, reason?: string, 
/**
 * Shift even if nothing is ready there.
 */
now?: boolean, 
/**
 * The id of the event, when it was announced before.
 */
event_id?: EventId, 
/**
 * What is taken back beside the traffic, which comes first whatever is said here.
 */
kind?: RollbackKind, };

/**
 * Why all of them.
 */
export type RollBackAll = { reason?: string, };

/**
 * What was done, and where it is written down.
 */
export type RollBackAnswer = { report: Report, 
/**
 * `journal`, or what happened to the record instead.
 */
recorded: string, 
/**
 * What follows now that traffic is back, in words; none: nothing.
 */
follows: string | null, };

/**
 * How much is taken back. Whatever it is, the traffic write comes first.
 */
export type RollbackKind = "quick" | "full" | "data-preserving";

/**
 * Everything a rollout's charts are drawn from.
 */
export type RolloutCharts = { from: Timestamp, to: Timestamp, 
/**
 * The ends of the intervals that the points stand for.
 */
at: Array<Timestamp>, 
/**
 * Shares, 0 to 1.
 */
errors: Curves, p95_ms: Curves, 
/**
 * Requests a second.
 */
rate: Curves, marks: Array<ChartMark>, evidence: Array<EvidenceCurve>, };

/**
 * One rollout: one release going to one service.
 */
export type RolloutId = string;

/**
 * One rollout in a list.
 */
export type RolloutRow = { rollout: RolloutId, service: ServiceName, release: ReleaseVersion, from: ReleaseVersion | null, plan: string, author: Actor, phase: Phase, step: number, steps: number, weight: number, started_at: Timestamp, ended_at: Timestamp | null, 
/**
 * Why it ended or is held.
 */
note: string, };

/**
 * What the list of rollouts can be sorted by.
 */
export type RolloutSort = "newest" | "service" | "phase" | "author";

/**
 * A rollout as shown.
 */
export type RolloutStatus = { rollout: RolloutId, service: ServiceName, release: ReleaseVersion, from: ReleaseVersion | null, plan: string, plan_digest: Digest, author: Actor, phase: Phase, stage: Stage, 
/**
 * Why it is held, or what it waits for.
 */
note: string, 
/**
 * The pause ends by itself.
 */
timed_pause: boolean, 
/**
 * 0 to 100.
 */
progress: number, step: number, steps: Array<StepStatus>, weights: Weights | null, roles: PerSlot<Role> | null, verdict: Verdict | null, answer: Answer | null, 
/**
 * When the newest sample that the answer rests on was taken.
 */
newest_sample: Timestamp | null, gates: Array<GateStatus>, approvals: Array<Approval>, way_back: WayBackStatus | null, last_failure: string | null, started_at: Timestamp, in_step_for: Span, expected_end: Timestamp | null, ended_at: Timestamp | null, ending: string, last_response_after_ms: number | null, 
/**
 * Who drives, when somebody does.
 */
driver: string | null, tasks: Array<TaskStatus>, strategy: Strategy, 
/**
 * Of rolling: how many instances at a time, in words.
 */
batches: string | null, audience: AudienceStatus | null, 
/**
 * The current step waits for this moment; none: it is under way.
 */
waits_until: Timestamp | null, 
/**
 * The earlier revision that this goes back to, when it is an undo.
 */
undo_to: number | null, 
/**
 * What a rollback of this rollout should be, and why; none: quick is enough.
 */
full_advised: string | null, 
/**
 * What the kinds of rollback take that run tasks.
 */
back_times: Array<BackTime>, 
/**
 * Where the candidate alone answers.
 */
preview: string | null, };

/**
 * A rollout with everything there is to see of it.
 */
export type RolloutView = { status: RolloutStatus, candidate: Measured, stable: Measured, candidate_ready: number, candidate_desired: number, 
/**
 * What a person may do now.
 */
controls: Controls, 
/**
 * Blue's instances and green's.
 */
slots: PerSlot<SlotState> | null, 
/**
 * The plan as it was written.
 */
plan_yaml: string, 
/**
 * What could not be read, in words.
 */
troubles: Array<string>, now: Timestamp, };

/**
 * Which rollouts.
 */
export type RolloutsAsk = { service?: ServiceName, 
/**
 * A part of the service, a version, the plan, the author or the phase.
 */
filter?: string, live_only?: boolean, sort?: RolloutSort, descending?: boolean, offset?: number, 
/**
 * At most 500.
 */
limit?: number, };

/**
 * Something to think about; no mistake.
 */
export type RuleDoubt = { 
/**
 * `dead-alert`, `off-bucket-bound`, …
 */
code: string, line: number, 
/**
 * The group and the rule; empty where the file as a whole is meant.
 */
group: string, rule: string, what: string, 
/**
 * What to do about it.
 */
advice: string, };

/**
 * A rule file as it is.
 */
export type RuleFile = { name: string, path: string, 
/**
 * None: there is no such file yet.
 */
text: string | null, };

/**
 * A rule file, with its groups as they are evaluated.
 */
export type RuleFileRow = { name: string, path: string, mistakes: Array<PlanMistake>, groups: Array<RuleGroupRow>, };

/**
 * A group of rules.
 */
export type RuleGroupRow = { name: string, interval_ms: number, evaluated_at: Timestamp | null, 
/**
 * How long its newest stretch took, of so many moments.
 */
took_ms: number, moments: number, behind: boolean, 
/**
 * Moments that could not be made up for, from and to.
 */
lost: [Timestamp, Timestamp] | null, rules: Array<RuleRow>, };

/**
 * A rule, for whoever wants to move its threshold.
 */
export type RuleOutline = { group: string, 
/**
 * Its place in the group.
 */
place: number, name: string, alerts: boolean, line: number, query: string, 
/**
 * What is compared, where the query compares with a number.
 */
value_query: string | null, threshold: number | null, hold_ms: number, };

/**
 * A rule file to begin with.
 */
export type RulePreset = { name: string, about: string, yaml: string, };

/**
 * A rule.
 */
export type RuleRow = { 
/**
 * Its place in the group.
 */
place: number, name: string, 
/**
 * It alerts; else it records.
 */
alerts: boolean, query: string, line: number, hold_ms: number, keep_ms: number, severity: string, firing: number, pending: number, 
/**
 * Series that it gave last.
 */
series: number, failure: string | null, 
/**
 * Samples that could not be kept.
 */
refused: number, };

/**
 * What a check found.
 */
export type RulesCheck = { mistakes: Array<PlanMistake>, doubts: Array<RuleDoubt>, rules: Array<RuleOutline>, 
/**
 * Why the doubts are not held against real series.
 */
unknown: string | null, };

/**
 * A text for a rule file.
 */
export type RulesText = { 
/**
 * The file's name without its ending; a check needs none.
 */
name?: string, yaml: string, };

/**
 * All rules.
 */
export type RulesView = { at: Timestamp, evaluator: Evaluator, folder: string, files: Array<RuleFileRow>, };

/**
 * Which limit the candidate was shown to be below when it passed.
 */
export type SafeBy = "odds" | "margin";

/**
 * Whether anybody scrapes here.
 */
export type Scraping = { 
/**
 * What is told is of the last seconds.
 */
current: boolean, 
/**
 * When it was told.
 */
at: Timestamp | null, file: string, 
/**
 * What is wrong with the file or with finding targets.
 */
trouble: string | null, set_back: ClockSetBack | null, };

/**
 * Which secret.
 */
export type SecretName = { name: string, };

/**
 * A secret, but for its value.
 */
export type SecretRow = { name: string, kept: Kept, set_at: Timestamp, set_by: string, };

/**
 * One service of the local node.
 */
export type ServiceDefinition = { service: ServiceName, 
/**
 * Where clients reach it. A loopback address: the node offers nothing to the network.
 */
listen: string, 
/**
 * Where whoever is candidate answers, whatever the weights say. A loopback address too.
 */
preview?: string | null, 
/**
 * Program and arguments of one instance. `{port}`, `{version}`, `{slot}` and `{instance}`
 * are filled in; so they are in the values of `env`.
 */
command: Array<string>, env?: { [key in string]: string }, 
/**
 * The working folder of its instances; the node's own when absent.
 */
folder?: string | null, 
/**
 * Instances of a full slot.
 */
instances: number, readiness: Readiness, stop: Stop, restart: Restart, routing?: Array<HeaderRoute>, sticky?: Sticky | null, 
/**
 * The header that tells clients apart, so that bursts of one client count once.
 */
client_header?: string | null, 
/**
 * The services it calls: what stands or falls with it before a release of it goes out.
 */
needs?: Array<ServiceName>, 
/**
 * How long an answer may take to begin, before the client gets 504.
 */
request_timeout: Span, 
/**
 * Lines of output kept per instance.
 */
output_lines: number, };

/**
 * One service in the table.
 */
export type ServiceLine = { service: ServiceName, mark: Mark, 
/**
 * What is wrong, or why nothing can be said.
 */
why: string | null, stable: ReleaseVersion | null, candidate: ReleaseVersion | null, candidate_weight: number, previous: ReleaseVersion | null, ready: number, desired: number, 
/**
 * Requests a second, all slots together; so are the other figures.
 */
rate: number | null, 
/**
 * The share of bad answers, 0 to 1.
 */
errors: number | null, p95_ms: number | null, 
/**
 * When the newest of these figures was taken.
 */
at: Timestamp | null, 
/**
 * One value a minute, the last hour, oldest first.
 */
errors_spark: Array<number | null>, p95_spark: Array<number | null>, last_change: LastChange | null, };

/**
 * A service: a DNS label, as it also names files, sockets and cluster objects.
 */
export type ServiceName = string;

/**
 * One service in a list.
 */
export type ServiceRow = { service: ServiceName, stable: ReleaseVersion | null, candidate: ReleaseVersion | null, candidate_weight: number, previous: ReleaseVersion | null, ready: number, desired: number, measured: Measured, };

/**
 * What a table of services can be sorted by.
 */
export type ServiceSort = "trouble" | "service" | "rate" | "errors" | "p95" | "change";

/**
 * One line about a service.
 */
export type ServiceStatus = { service: ServiceName, listen: string, weights: Weights, releases: PerSlot<ReleaseVersion | null>, ready: PerSlot<number>, 
/**
 * Requests answered 503 that count for no slot, because neither could have served them.
 */
unserved: number, };

/**
 * One service.
 */
export type ServiceView = { definition: ServiceDefinition | null, 
/**
 * The same, to be edited.
 */
definition_yaml: string | null, observation: Observation, 
/**
 * Blue's, then green's.
 */
measured: [Measured, Measured], };

/**
 * What was done with a journal.
 */
export type SetAside = { 
/**
 * Where the old one lies now; none when it goes on.
 */
moved_to: string | null, 
/**
 * What is wrong with it; none when nothing is, and then nothing was done.
 */
reason: string | null, };

/**
 * Requests a second to the drilled service, 1 to 5000.
 */
export type SetRate = { rate: number, };

/**
 * As they stand in the file.
 */
export type Settings = { 
/**
 * A label beside one's identity, nothing more.
 */
display: string | null, theme: Theme, density: Density, 
/**
 * An IANA name; none: the machine's own.
 */
time_zone: string | null, 
/**
 * Whether the window drives rollouts itself. If not, an agent must.
 */
drive: Drive, backups: Backups | null, 
/**
 * Besides `local` and `training`, which are always there; the same name changes one.
 */
environments: Array<Environment>, };

/**
 * The settings with where they lie and what follows from them.
 */
export type SettingsView = { file: string, settings: Settings, 
/**
 * All of them, the built-in ones first.
 */
environments: Array<Environment>, 
/**
 * The one this console is.
 */
environment: string, last_backup: Timestamp | null, };

/**
 * A change from elsewhere, and which of the two is the truth from now on.
 */
export type Settle = { service: ServiceName, truth: Truth, };

/**
 * How finely what stands in front of a service can share its traffic out between the slots.
 */
export type Sharing = { "by": "weight" } | { "by": "instances" } | { "by": "whole", why: string, };

/**
 * What would help an objective whose budget is a handful of events.
 */
export type SloAdvice = { 
/**
 * How many events may be bad in a period.
 */
allowed: number, 
/**
 * The target at which ten may be.
 */
target: Target | null, 
/**
 * The period in which ten may be.
 */
period: Span | null, 
/**
 * Synthetic requests a minute that would make it ten.
 */
probes_per_minute: number, 
/**
 * In words.
 */
words: string, };

/**
 * Whether it alerts.
 */
export type SloAlertState = "firing" | "quiet" | "no-data";

/**
 * Which objective.
 */
export type SloAsk = { service: ServiceName, name: string, 
/**
 * None: the group with the least of its budget left.
 */
group?: Record<string, string>, };

/**
 * How fast a budget burns in one window.
 */
export type SloBurn = { window: Span, 
/**
 * 1 spends the budget exactly by the end of the period; none without events.
 */
pace: number | null, 
/**
 * The pace from which its pair alerts.
 */
bound: number, severity: SloSeverity, };

/**
 * A line of burn.
 */
export type SloBurnLine = { window: Span, points: Array<SloPoint>, };

/**
 * One need, with its figures.
 */
export type SloCondition = { 
/**
 * Which.
 */
need: SloNeed, 
/**
 * What was found: a pace, a number of events or a share.
 */
found: number, 
/**
 * What it is held against, in the same unit.
 */
bound: number, 
/**
 * Whether it holds.
 */
holds: boolean, };

/**
 * Events of a stretch.
 */
export type SloCount = { from: Timestamp, good: number, bad: number, known: boolean, };

/**
 * A pair's answer at a moment.
 */
export type SloDecision = { 
/**
 * The group; empty when there is only one.
 */
labels: { [key in string]: string }, 
/**
 * The pair.
 */
pair: SloPair, 
/**
 * Its answer.
 */
state: SloAlertState, 
/**
 * The moment that it is about.
 */
as_of: Timestamp, 
/**
 * The long window.
 */
long: SloPace, 
/**
 * The short one.
 */
short: SloPace, 
/**
 * The events of a whole period; projected where fewer are known.
 */
period_total: number, 
/**
 * How much of the period is known.
 */
history: Span, 
/**
 * What must hold, in the order in which it is said.
 */
conditions: Array<SloCondition>, 
/**
 * How many bad events in the long window would alert at its traffic; `None` if no number
 * would.
 */
needed: number | null, 
/**
 * When the rolling budget is gone at the long window's pace; zero if it is already, `None`
 * without a pace.
 */
gone_in: Span | null, 
/**
 * How the pace comes about: `14.4 = 2 % · 30d / 1h`.
 */
formula: string, 
/**
 * In words.
 */
words: string, };

/**
 * Events, and the bad ones among them: requests, minutes or slices of time, whatever the
 * objective counts.
 */
export type SloEvents = { 
/**
 * All of them.
 */
total: number, 
/**
 * The bad ones, never more than all.
 */
bad: number, };

/**
 * When nothing is left, if things go on as they did.
 */
export type SloForecast = { 
/**
 * The stretch whose pace goes on.
 */
lookback: Span, 
/**
 * The share of the budget that goes in an hour.
 */
points_per_hour: number, 
/**
 * The moment when it is gone; `None` if not within the period.
 */
likely: Timestamp | null, 
/**
 * If it goes faster.
 */
earliest: Timestamp | null, 
/**
 * If it goes slower; `None` if it then lasts.
 */
latest: Timestamp | null, 
/**
 * Whether it is gone already.
 */
gone: boolean, 
/**
 * In words.
 */
words: string, };

/**
 * How one group stands.
 */
export type SloGroup = { labels: Record<string, string>, left: number, good: number | null, events: SloEvents, state: SloState, };

/**
 * A period's budget and what became of it.
 */
export type SloLedger = { 
/**
 * The period.
 */
span: PeriodSpan, 
/**
 * The moment that it is about.
 */
as_of: Timestamp, 
/**
 * Whether the period is over.
 */
closed: boolean, 
/**
 * What was counted, exclusions left out.
 */
events: SloEvents, 
/**
 * What exclusions took out.
 */
excluded: SloEvents, 
/**
 * The events of the whole period; carried on while it runs.
 */
expected: number, 
/**
 * How many of them may be bad.
 */
allowed: number, 
/**
 * The budget as minutes in which everything fails.
 */
allowed_minutes: number, 
/**
 * The share that is left; below zero when overspent.
 */
left: number, 
/**
 * The moment from which nothing was left.
 */
gone_at: Timestamp | null, 
/**
 * Who took what, the largest first, "unknown" last. Their bad events are exactly those
 * counted and those excluded.
 */
parts: Array<LedgerPart>, 
/**
 * The line, oldest first.
 */
line: Array<LedgerPoint>, };

/**
 * What must hold for an alert.
 */
export type SloNeed = "long-pace" | "short-pace" | "fewest-bad" | "budget-spent" | "lower-bound";

/**
 * How fast a window burnt.
 */
export type SloPace = { 
/**
 * The window.
 */
window: Span, 
/**
 * What was counted in it.
 */
events: SloEvents, 
/**
 * The pace: 1 spends the budget exactly by the end of the period. `None` without events.
 */
pace: number | null, };

/**
 * Two windows and a pace.
 */
export type SloPair = { 
/**
 * What it asks for.
 */
severity: SloSeverity, 
/**
 * Over which the budget must have gone.
 */
long: Span, 
/**
 * In which it must still be going.
 */
short: Span, 
/**
 * The pace: 1 spends the budget exactly by the end of the period.
 */
factor: number, };

/**
 * One moment of a line.
 */
export type SloPoint = { at: Timestamp, value: number | null, };

/**
 * Two queries, each giving one number per group.
 */
export type SloQueries = { 
/**
 * What `events` counts.
 */
side: SloSide, 
/**
 * The good or the bad events of the window.
 */
events: string, 
/**
 * All events of the window.
 */
total: string, };

/**
 * A pair that cannot do what it says.
 */
export type SloRefused = { 
/**
 * The pair.
 */
pair: SloPair, 
/**
 * Why.
 */
reason: string, 
/**
 * The one to use instead, for the same share of the budget.
 */
offer: SloPair | null, };

/**
 * One objective in a list.
 */
export type SloRow = { service: ServiceName, name: string, about: string, 
/**
 * A share.
 */
target: number, period: string, state: SloState, 
/**
 * Of the group that stands worst; the share of the budget that is left, below zero when it is
 * overspent.
 */
left: number | null, 
/**
 * The share of good events.
 */
good: number | null, events: SloEvents, 
/**
 * Labels of the group that stands worst.
 */
worst: Record<string, string>, groups: number, 
/**
 * Short to long.
 */
burns: Array<SloBurn>, 
/**
 * When the rolling budget is gone at the pace of the last six hours; zero: it is.
 */
gone_in: Span | null, 
/**
 * The rolling budget up to now; none where nothing is known.
 */
spark: Array<number | null>, 
/**
 * What there is to say, in a sentence.
 */
words: string, 
/**
 * The share of the period that was counted so far.
 */
counted: number, trouble: string | null, };

/**
 * What a pair asks for.
 */
export type SloSeverity = "page" | "ticket";

/**
 * Whether a query counts the good events or the bad ones.
 */
export type SloSide = "good" | "bad";

/**
 * How an objective stands.
 */
export type SloState = "page" | "ticket" | "no-data" | "quiet";

/**
 * One objective, whole.
 */
export type SloView = { at: Timestamp, row: SloRow, 
/**
 * Which of its groups the rest is about.
 */
group: Record<string, string>, 
/**
 * The worst first.
 */
groups: Array<SloGroup>, rolling: Array<SloPoint>, ledger: SloLedger, forecast: SloForecast | null, headline: string, decisions: Array<SloDecision>, 
/**
 * Alerts that could never come.
 */
refused: Array<SloRefused>, 
/**
 * The two windows of the first pair, over the last day.
 */
burn: Array<SloBurnLine>, 
/**
 * Good and bad events of the last day, in stretches of half an hour.
 */
counts: Array<SloCount>, advice: SloAdvice | null, 
/**
 * `0.05 % of 30d is 21.6 minutes`
 */
arithmetic: string, no_data: string, 
/**
 * What is asked, for a window of five minutes.
 */
queries: SloQueries, yaml: string, source: string, };

/**
 * All objectives, the worst first.
 */
export type SlosView = { at: Timestamp, rows: Array<SloRow>, 
/**
 * Who was asked: `samples`, or an address.
 */
source: string, 
/**
 * The file that names them.
 */
file: string, 
/**
 * Its mistakes; with any, nothing of it counts.
 */
mistakes: Array<PlanMistake>, 
/**
 * Why the source does not answer.
 */
trouble: string | null, };

/**
 * One of a service's two places.
 */
export type Slot = "blue" | "green";

/**
 * What stands in a slot.
 */
export type SlotState = { release: ReleaseSpec | null, desired: number, ready: number, instances: Array<InstanceState>, 
/**
 * Requests being answered right now.
 */
in_flight: number, 
/**
 * When the last response left this slot.
 */
last_response_at: Timestamp | null, };

/**
 * Who is asked.
 */
export type SourceName = "samples" | "prometheus";

/**
 * A length of time as people write it in plans: `30s`, `5m`, `1h 30m`, `500ms`, `2d`.
 *
 * Never negative; whole milliseconds.
 */
export type Span = string;

/**
 * A figure of the newest moment, and how it was spread. None where nothing was measured.
 */
export type SpreadRow = { now: number | null, p50: number | null, p95: number | null, p99: number | null, 
/**
 * Measurements that it is made of.
 */
points: number, };

/**
 * Where within a step.
 */
export type Stage = "capacity" | "traffic" | "bake" | "gate";

/**
 * How an object stands, worst first.
 */
export type Standing = "bad" | "warn" | "moving" | "good" | "idle";

/**
 * How an alert stands.
 */
export type Stands = "firing" | "pending" | "resolved";

/**
 * A release to send out.
 */
export type Start = { service?: ServiceName, version?: ReleaseVersion, 
/**
 * A built-in plan's name; ignored when `plan_yaml` is there.
 */
plan?: string, plan_yaml?: string, 
/**
 * Replaces the definition's command.
 */
command?: Array<string>, env?: { [key in string]: string }, 
/**
 * The container image; in a cluster every release has one, elsewhere none.
 */
image?: string, 
/**
 * Take a live rollout back first.
 */
supersede?: boolean, 
/**
 * Instances; as many as the definition says when not said.
 */
instances?: number, 
/**
 * Touch nothing before this.
 */
not_before?: Timestamp, 
/**
 * The reason for starting although the plan's validation is lacking; it is recorded.
 */
break_glass?: string, };

/**
 * All of it.
 */
export type StatusLine = { version: string, environment: Environment, 
/**
 * All there are, the built-in ones first.
 */
environments: Array<Environment>, actor: Actor, folder: string, node: Answering, driver: Driving, journal: JournalLine, 
/**
 * The newest scrape of the node that got an answer.
 */
scraped_at: Timestamp | null, freeze: Freeze | null, live_rollouts: number, services: number, 
/**
 * Nothing was ever done in this folder.
 */
untouched: boolean, alerts: AlertsLine, };

/**
 * One judged step's outlook.
 */
export type StepReach = { step: number, weight: number, 
/**
 * Candidate requests that a release as good as stable needs for its `Pass`.
 */
requests: number | null, 
/**
 * How long these take at this weight.
 */
takes: Span | null, max: Span, reachable: boolean, };

/**
 * One step as shown.
 */
export type StepStatus = { weight: number, current: boolean, done: BakedBy | null, skipped: boolean, words: string, 
/**
 * Of rolling: the candidate's instances with this batch.
 */
instances: number | null, 
/**
 * It does not begin before this.
 */
not_before: Timestamp | null, 
/**
 * Of audience, where it is said how many there are: the people that have the candidate.
 */
people: number | null, bake_min: Span, bake_max: Span, took: Span | null, };

/**
 * Clients stay with the release that first answered them, while it has weight.
 */
export type Sticky = { cookie: string, };

/**
 * How an instance is stopped: out of rotation, `drain` for its requests, SIGTERM, `grace`, SIGKILL.
 */
export type Stop = { drain: Span, grace: Span, };

/**
 * How a release goes out.
 */
export type Strategy = "canary" | "blue-green" | "rolling" | "audience";

/**
 * What a take-back did; rides in the traffic object itself.
 */
export type TakeBackRecord = { event_id: EventId, actor: Actor, at: Timestamp, reason: string, rollout: RolloutId | null, from: Weights, to: Weights, 
/**
 * The slot that now serves.
 */
slot: Slot, 
/**
 * The epoch that this write raised the object to.
 */
epoch: Epoch, };

/**
 * A share above 0 and below 1, to nine decimals: 0.9995 is 99.95 %.
 *
 * It is rounded there so that `1 - 0.9995` is 0.0005 and not a little more:
 * thresholds and budgets are multiples of it.
 */
export type Target = number;

/**
 * What is scraped.
 */
export type TargetRow = { job: string, instance: string, url: string, state: TargetState, 
/**
 * `file`, `node` or `kubernetes`
 */
source: string, 
/**
 * Through the API server, and not at its own address.
 */
through_api_server: boolean, interval: Span, timeout: Span, last: Timestamp | null, 
/**
 * The last scrape that gave an answer.
 */
last_good: Timestamp | null, 
/**
 * Milliseconds that the last scrape took.
 */
took_ms: number | null, 
/**
 * As they came, and as the rules left them.
 */
scraped: number | null, kept: number | null, 
/**
 * Series that the scrape before did not have.
 */
added: number | null, error: string | null, 
/**
 * What was wrong with single samples.
 */
notes: Array<string>, 
/**
 * When counters last began anew, and how many of them.
 */
reset_at: Timestamp | null, resets: number, gap: GapRow | null, labels: Array<[string, string]>, };

/**
 * What targets can be sorted by.
 */
export type TargetSort = "state" | "job" | "instance" | "last" | "took" | "kept";

/**
 * How a target is.
 */
export type TargetState = "down" | "unknown" | "up";

/**
 * Which targets.
 */
export type TargetsAsk = { 
/**
 * A part of the job, the address, the error or a label.
 */
filter?: string, sort?: TargetSort, descending?: boolean, offset?: number, 
/**
 * At most 500.
 */
limit?: number, };

/**
 * What a check found.
 */
export type TargetsCheck = { mistakes: Array<PlanMistake>, 
/**
 * The addresses that would be scraped, those of a cluster's pods left out.
 */
scrapes: Array<string>, probes: number, 
/**
 * Secrets that are named and not set.
 */
missing_secrets: Array<string>, };

/**
 * The file as it is.
 */
export type TargetsFile = { path: string, 
/**
 * None: there is none; this machine is measured, and nothing else.
 */
text: string | null, check: TargetsCheck, };

/**
 * A text for the file.
 */
export type TargetsText = { yaml: string, };

/**
 * The targets, a page of them.
 */
export type TargetsView = { scraping: Scraping, up: number, down: number, total: number, rows: Array<TargetRow>, };

/**
 * What a task is for. It decides what its failure means, and what a rollback has to know.
 */
export type TaskKind = "smoke" | "load" | "synthetic" | "migration" | "backup" | "cache-purge" | "other";

/**
 * How a task stands.
 */
export type TaskStanding = "waiting" | "running" | "passed" | "warning" | "failed";

/**
 * One task, or its way back.
 */
export type TaskStatus = { name: string, kind: TaskKind, place: Place, 
/**
 * Where it stands in the plan, in words: `before`, `at 10 %`, `every 30s`.
 */
when: string, way: Way, standing: TaskStanding, critical: boolean, 
/**
 * What is run, as the plan says it.
 */
does: string, attempt: number, attempts: number, timeout: Span, started_at: Timestamp | null, took: Span | null, 
/**
 * How it ended.
 */
why: string, 
/**
 * The last lines it printed.
 */
tail: string, output_bytes: number, 
/**
 * By which its output is asked for.
 */
intent: IntentId | null, has_way_back: boolean, previous_runs_on_new_schema: boolean | null, };

/**
 * A file of unit tests, as promtool reads them.
 */
export type TestRules = { yaml: string, 
/**
 * The rules that are being written; none: the file as it is saved.
 */
rules?: string, };

/**
 * One object, as text.
 */
export type TextAsk = { kind: ObjectKind, name: string, 
/**
 * With `managedFields`.
 */
managed?: boolean, };

/**
 * How the window looks.
 */
export type Theme = "dark" | "light" | "high-contrast" | "system";

/**
 * A moment on the wall clock, in whole milliseconds since 1970-01-01T00:00:00Z.
 *
 * Written as RFC 3339 in UTC with three decimals, so that exported records sort as text.
 */
export type Timestamp = string;

/**
 * A file to write.
 */
export type ToFile = { to: string, };

/**
 * Whether an event is good news.
 */
export type Tone = "plain" | "good" | "warn" | "bad";

/**
 * The object that carries the traffic carries the truth: weights, roles, who wrote them and where
 * the way back leads, always written together in one write.
 */
export type Traffic = { weights: Weights, roles: PerSlot<Role>, 
/**
 * The rollout that wrote this last.
 */
rollout: RolloutId | null, plan_digest: Digest | null, 
/**
 * The highest lease epoch that ever wrote here. A lower one is refused.
 */
epoch: Epoch, 
/**
 * Where a rollback leads; none when there is nothing to go back to.
 */
way_back: WayBack | null, 
/**
 * Who is led to the candidate, whatever the weights say.
 */
audience?: Audience | null, 
/**
 * The flag of the newest audience; kept after it has ended. The rules write it.
 */
flag?: AudienceFlag | null, 
/**
 * Rollouts that were taken back: no weight for them is accepted again. Newest last; the
 * newest [`crate::rules::LATCHES`] are kept (older ones are held off by the epoch alone).
 */
latched: Array<RolloutId>, 
/**
 * The newest take-backs, newest last, so that every console can learn of them later.
 */
records: Array<TakeBackRecord>, 
/**
 * Counts the writes; rises by one with each.
 */
revision: number, };

/**
 * A release that a demo service can be given.
 */
export type TrainingRelease = { version: string, about: string, };

/**
 * A demo service.
 */
export type TrainingService = { service: string, about: string, address: string, releases: Array<TrainingRelease>, stands: Array<TrainingVersion>, };

/**
 * A version that stands, and its faults.
 */
export type TrainingVersion = { version: string, slot: Slot, weight: number, 
/**
 * None when no instance answered.
 */
faults: FaultsView | null, };

/**
 * The whole ground.
 */
export type TrainingView = { 
/**
 * The demo services stand.
 */
up: boolean, 
/**
 * Opened by this window, so that load flows and drills can be played.
 */
open: boolean, services: Array<TrainingService>, load: LoadView | null, playing: Playing | null, 
/**
 * Newest first.
 */
grades: Array<GradeRow>, };

/**
 * Whose traffic holds from now on.
 */
export type Truth = "ours" | "theirs";

/**
 * A revision to go back to.
 */
export type Undo = { service: ServiceName, 
/**
 * The revision's number; the newest one that does not serve, when not said.
 */
to?: number, 
/**
 * A built-in plan's name; the plan of the newest rollout when neither it nor `plan_yaml` is
 * said.
 */
plan?: string, plan_yaml?: string, 
/**
 * Take a live rollout back first.
 */
supersede?: boolean, };

/**
 * A unit that the window knows how to write.
 */
export type Unit = "none" | "seconds" | "bytes" | "bytes-per-second" | "share" | "per-second";

/**
 * How one test went.
 */
export type UnitResult = { name: string, line: number, checks: number, passed: boolean, wrong: Array<UnitWrong>, };

/**
 * What was expected and not found.
 */
export type UnitWrong = { line: number, what: string, expected: Array<string>, got: Array<string>, error: string | null, };

/**
 * What a node or a container uses.
 */
export type UsageRow = { 
/**
 * Of a node.
 */
node: string | null, 
/**
 * Of a container.
 */
namespace: string | null, pod: string | null, container: string | null, cpu_cores: number, memory_bytes: number, at: Timestamp, };

/**
 * A series with its band.
 */
export type Usual = { from: Timestamp, step_ms: number, unit: Unit, 
/**
 * None: too little is known; `why` says what is missing.
 */
bands: Bands | null, why: string | null, 
/**
 * Who answered: `samples`, or an address.
 */
source: string, };

/**
 * Which series.
 */
export type UsualAsk = { 
/**
 * A query that gives one series.
 */
query: string, 
/**
 * How many days are looked at, 1 to 42; 15.
 */
days?: number, 
/**
 * It varies by amounts, as shares do; else by factors, as traffic and latency do.
 */
amounts?: boolean, source?: SourceName, url?: string, };

/**
 * One validation: the checks of one plan, run once for one release.
 */
export type ValidationId = string;

/**
 * What a validation came to.
 */
export type ValidationOutcome = "passed" | "warnings" | "failed";

/**
 * Where a validation stands.
 */
export type ValidationStanding = "running" | "finished" | "timed-out" | "cancelled" | "lost";

/**
 * A validation with everything there is to see of it.
 */
export type ValidationStatus = { validation: ValidationId, service: ServiceName, release: ReleaseVersion, plan: string, plan_digest: Digest, by: Actor, standing: ValidationStanding, 
/**
 * None while it runs.
 */
outcome: ValidationOutcome | null, 
/**
 * Every critical check passed, and it has ended.
 */
can_deploy: boolean, 
/**
 * Why the release may not go out; then what failed without being critical.
 */
reasons: Array<string>, warnings: Array<string>, checks: Array<CheckStatus>, started_at: Timestamp, ended_at: Timestamp | null, 
/**
 * So far, while it runs.
 */
took: Span, };

/**
 * A variable, and what it may be.
 */
export type VariableView = { name: string, title: string, 
/**
 * Whether all at once can be chosen: it is then named `all`.
 */
all: boolean, values: Array<string>, 
/**
 * What it is where nothing is chosen; empty: there is nothing.
 */
first: string, 
/**
 * Why its values are not known.
 */
problem: string | null, };

/**
 * What is asked of whom.
 */
export type Verb = "approve" | "answer" | "look";

/**
 * The judge's answer. Only `Pass` lets a stage advance.
 */
export type Verdict = "pass" | "fail" | "inconclusive" | "no-data" | "error";

/**
 * What a check of the chain found.
 */
export type Verified = { sound: boolean, events: number, redacted: number, head: number, head_hash: string, 
/**
 * Whether a head noted outside was there to hold against.
 */
anchored: boolean, findings: Array<string>, };

/**
 * What a person is asked to do.
 */
export type Waiting = { service: ServiceName, verb: Verb, what: string, since: Timestamp | null, };

/**
 * Whether a task does its work or takes it back.
 */
export type Way = "out" | "back";

/**
 * The slot that traffic returns to, and until when it is kept ready for that.
 */
export type WayBack = { slot: Slot, 
/**
 * The end of the rollback window after a promotion; none while the rollout is live.
 */
until?: Timestamp | null, };

/**
 * The armed way back.
 */
export type WayBackStatus = { slot: Slot, version: ReleaseVersion | null, until: Timestamp | null, ready: number, wanted: number, 
/**
 * Until all of those are ready: an estimate from what starts took so far. None: they are, or
 * nothing is known.
 */
full_after: Span | null, rehearsal: Rehearsal | null, };

/**
 * Of every 100 requests, how many go to each slot. They sum to 100, or are both 0 for a service
 * that has never had a release.
 */
export type Weights = { blue: number, green: number };

/**
 * All of it.
 */
export type Wellness = { version: string, 
/**
 * The worst part's.
 */
health: HealthState, live: boolean, ready: boolean, parts: Array<WellnessPart>, 
/**
 * At most this long for each part.
 */
within: Span, };

/**
 * One part of it.
 */
export type WellnessPart = { 
/**
 * `journal`, `samples`, `node`, `scraping`, `driver`, `disk`
 */
part: string, health: HealthState, 
/**
 * What is found, or why it is not healthy.
 */
words: string, 
/**
 * Milliseconds until it answered.
 */
took_ms: number, 
/**
 * Without it nothing here works.
 */
vital: boolean, };

/**
 * An exclusion that shall count no more.
 */
export type Withdraw = { id: EventId, reason: string, };

/** Everything that can be asked. */
export type Requests = {
  /** Who drives, what answers, what is live: one line */
  "status": { kind: "query"; params: Nothing; result: StatusLine };
  /** What burns, what moves, what waits for a person, then every service */
  "bridge": { kind: "query"; params: BridgeAsk; result: BridgeView };
  /** Every service: versions, weights, health */
  "services.list": { kind: "query"; params: Nothing; result: Array<ServiceRow> };
  /** One service: slots, instances, routing */
  "services.show": { kind: "query"; params: ByService; result: ServiceView };
  /** What its instances printed */
  "services.logs": { kind: "query"; params: Logs; result: Array<LogLine> };
  /** A definition's mistakes, each with its place */
  "services.check": { kind: "query"; params: Define; result: DefinitionCheck };
  /** Add or change a service's definition */
  "services.define": { kind: "command"; params: Define; result: ServiceDefinition };
  /** Remove a service */
  "services.remove": { kind: "command"; params: Remove; result: Done };
  /** The plans that ship with Deckwatch */
  "plans.list": { kind: "query"; params: Nothing; result: Array<PlanRow> };
  /** A plan's text */
  "plans.show": { kind: "query"; params: ByName; result: PlanText };
  /** A plan's mistakes, and how long a Pass takes at today's traffic */
  "plans.check": { kind: "query"; params: CheckPlan; result: PlanCheck };
  /** The JSON Schema of plans */
  "plans.schema": { kind: "query"; params: Nothing; result: JsonValue };
  /** The checks that ship with Deckwatch */
  "checks.list": { kind: "query"; params: Nothing; result: Array<ChecksRow> };
  /** Their text, to be put into a plan */
  "checks.show": { kind: "query"; params: ByName; result: PlanText };
  /** Run the checks of a plan for a release */
  "validation.run": { kind: "command"; params: Start; result: ValidationStatus };
  /** End the validation that runs */
  "validation.cancel": { kind: "command"; params: Noted; result: Done };
  /** The newest validation of a service, check by check */
  "validation.show": { kind: "query"; params: ByService; result: ValidationStatus | null };
  /** Keep what a service is like now */
  "baselines.capture": { kind: "command"; params: CaptureBaseline; result: KeptBaseline };
  /** The baselines that are kept of a service */
  "baselines.list": { kind: "query"; params: ByService; result: Array<KeptBaseline> };
  /** One baseline beside another, or beside now */
  "baselines.compare": { kind: "query"; params: CompareBaselines; result: BaselineComparison };
  /** Forget a baseline */
  "baselines.remove": { kind: "command"; params: BaselineName; result: Done };
  /** Every rollout, newest first */
  "rollouts.list": { kind: "query"; params: Nothing; result: Array<RolloutRow> };
  /** Rollouts, sorted and filtered, a page at a time */
  "rollouts.page": { kind: "query"; params: RolloutsAsk; result: Page<RolloutRow> };
  /** Candidate against stable over time, and the way the evidence came */
  "rollouts.charts": { kind: "query"; params: ByService; result: RolloutCharts };
  /** The newest rollout of a service, with its evidence */
  "rollouts.show": { kind: "query"; params: ByService; result: RolloutView };
  /** What happened in a service's rollouts */
  "rollouts.events": { kind: "query"; params: ByService; result: Array<EventRow> };
  /** Start a rollout */
  "rollouts.start": { kind: "command"; params: Start; result: Begun };
  /** Bring an earlier revision up again, by a rollout */
  "rollouts.undo": { kind: "command"; params: Undo; result: Begun };
  /** What was promoted to a service, the newest first */
  "revisions.list": { kind: "query"; params: ByService; result: Array<Revision> };
  /** Hold a rollout where it stands */
  "rollouts.pause": { kind: "command"; params: Noted; result: Done };
  /** Go on */
  "rollouts.resume": { kind: "command"; params: ByService; result: Done };
  /** Watch the current step anew */
  "rollouts.retry": { kind: "command"; params: ByService; result: Done };
  /** End the current step, or go to 100 % */
  "rollouts.promote": { kind: "command"; params: Promote; result: Done };
  /** Approve the current step */
  "rollouts.approve": { kind: "command"; params: Noted; result: Done };
  /** Reject the current step: traffic goes back */
  "rollouts.reject": { kind: "command"; params: GiveUp; result: GivenUp };
  /** Give a rollout up: traffic goes back */
  "rollouts.abort": { kind: "command"; params: GiveUp; result: GivenUp };
  /** What an attempt at a task printed */
  "rollouts.output": { kind: "query"; params: OutputAsk; result: Printed };
  /** What can be taken back now, the obvious first */
  "rollback.list": { kind: "query"; params: Nothing; result: Array<Reversible> };
  /** What a rollback would write, rehearsed */
  "rollback.preview": { kind: "query"; params: RollBack; result: Preview };
  /** Take traffic back now */
  "rollback": { kind: "command"; params: RollBack; result: RollBackAnswer };
  /** Take back what the tasks of a taken-back release did */
  "rollback.tasks": { kind: "command"; params: PutBack; result: Done };
  /** Take back every release that is on its way */
  "rollback.all": { kind: "command"; params: RollBackAll; result: Array<OneBack> };
  /** Who is bound to which role */
  "people.roles": { kind: "query"; params: Nothing; result: Roles };
  /** Bind a person to a role */
  "people.bind": { kind: "command"; params: Binding; result: Roles };
  /** Take a role from a person */
  "people.unbind": { kind: "command"; params: Binding; result: Roles };
  /** Who is asking */
  "people.whoami": { kind: "query"; params: Nothing; result: Actor };
  /** The freeze that is on */
  "freeze.show": { kind: "query"; params: Nothing; result: Freeze | null };
  /** Close every `no_freeze` gate */
  "freeze.declare": { kind: "command"; params: Reason; result: Done };
  /** Open them again */
  "freeze.lift": { kind: "command"; params: Nothing; result: Done };
  /** Events by service, actor, kind and time */
  "journal.events": { kind: "query"; params: Events; result: Array<EventRow> };
  /** Events, newest first, a page at a time */
  "journal.page": { kind: "query"; params: EventsAsk; result: EventsPage };
  /** Check the whole chain */
  "journal.verify": { kind: "query"; params: Nothing; result: Verified };
  /** Write every event as a line of JSON */
  "journal.export": { kind: "command"; params: ToFile; result: Exported };
  /** Take an export into an empty journal */
  "journal.import": { kind: "command"; params: FromFile; result: Verified };
  /** Copy the journal while it is in use */
  "journal.backup": { kind: "command"; params: ToFile; result: Verified };
  /** Move a damaged journal away and begin a new one */
  "journal.set-aside": { kind: "command"; params: Aside; result: SetAside };
  /** Settings and environments */
  "settings.show": { kind: "query"; params: Nothing; result: SettingsView };
  /** Change them */
  "settings.change": { kind: "command"; params: Change; result: SettingsView };
  /** The names of the secrets that tasks can use */
  "secrets.list": { kind: "query"; params: Nothing; result: Array<SecretRow> };
  /** Keep a secret; it goes in and never out */
  "secrets.set": { kind: "command"; params: NewSecret; result: Done };
  /** Forget a secret */
  "secrets.remove": { kind: "command"; params: SecretName; result: Done };
  /** Judge recorded series or counts */
  "judge": { kind: "query"; params: JudgeText; result: Judged };
  /** Ask in PromQL: this folder's samples, or a Prometheus */
  "metrics.query": { kind: "query"; params: QueryAsk; result: QueryAnswer };
  /** What is scraped: state, last scrape, last error */
  "targets.list": { kind: "query"; params: TargetsAsk; result: TargetsView };
  /** The file that says what is scraped and probed */
  "targets.file": { kind: "query"; params: Nothing; result: TargetsFile };
  /** Its mistakes, each with its place */
  "targets.check": { kind: "query"; params: CheckTargets; result: TargetsCheck };
  /** Change it */
  "targets.write": { kind: "command"; params: TargetsText; result: TargetsFile };
  /** Its JSON Schema */
  "targets.schema": { kind: "query"; params: Nothing; result: JsonValue };
  /** Checks from outside, and the components that they tell of */
  "probes.list": { kind: "query"; params: Nothing; result: ProbesView };
  /** This machine: now, and p50, p95 and p99 of the last minutes */
  "host.snapshot": { kind: "query"; params: HostAsk; result: HostView };
  /** What nodes and pods use, where a metrics-server measures it */
  "cluster.usage": { kind: "query"; params: Nothing; result: ClusterUsage };
  /** Whether Deckwatch itself is live and ready, part by part */
  "health": { kind: "query"; params: Nothing; result: Wellness };
  /** A range of a query, as a picture needs it */
  "metrics.chart": { kind: "query"; params: ChartAsk; result: MetricsChart };
  /** A query's mistake with its place, its unit, and how it is written well */
  "metrics.read": { kind: "query"; params: ReadAsk; result: QueryRead };
  /** What may be written at a place in a query, the likeliest first */
  "metrics.complete": { kind: "query"; params: CompleteAsk; result: Completions };
  /** The metrics there are, with type, help and unit */
  "metrics.names": { kind: "query"; params: NamesAsk; result: Found<MetricName> };
  /** The labels that series have */
  "metrics.labels": { kind: "query"; params: LabelsAsk; result: Found<string> };
  /** The values that a label has */
  "metrics.values": { kind: "query"; params: LabelsAsk; result: Found<string> };
  /** Who can be asked here, and whether it answers */
  "metrics.sources": { kind: "query"; params: Nothing; result: MetricsSources };
  /** Deploys and rollbacks in a stretch of time */
  "metrics.marks": { kind: "query"; params: MarksAsk; result: Array<ChartMark> };
  /** What is usual of a series by its days and weeks, and where it is not as usual */
  "metrics.usual": { kind: "query"; params: UsualAsk; result: Usual };
  /** The dashboards: those that ship, and one's own files */
  "dashboards.list": { kind: "query"; params: Nothing; result: Array<DashboardRow> };
  /** A dashboard with what can be chosen in it */
  "dashboards.show": { kind: "query"; params: ByName; result: DashboardView };
  /** One panel of a dashboard over a range */
  "dashboards.panel": { kind: "query"; params: PanelAsk; result: Array<PanelPart> };
  /** A dashboard's mistakes, each with its place */
  "dashboards.check": { kind: "query"; params: CheckDashboard; result: Array<PlanMistake> };
  /** The JSON Schema of dashboards */
  "dashboards.schema": { kind: "query"; params: Nothing; result: JsonValue };
  /** Write an answer as comma-separated values */
  "metrics.export": { kind: "command"; params: CsvAsk; result: CsvWritten };
  /** Objectives: how each stands, the worst first */
  "slo.list": { kind: "query"; params: Nothing; result: SlosView };
  /** One objective: its budget, its burn, who spent it */
  "slo.show": { kind: "query"; params: SloAsk; result: SloView };
  /** The file that names the objectives */
  "slo.file": { kind: "query"; params: Nothing; result: ObjectivesFile };
  /** Its mistakes, each with its place */
  "slo.check": { kind: "query"; params: CheckObjectives; result: ObjectivesCheck };
  /** What a document of any kind promises, and what would not be carried over */
  "slo.read": { kind: "query"; params: CheckObjectives; result: DocumentRead };
  /** Change it */
  "slo.write": { kind: "command"; params: ObjectivesText; result: ObjectivesFile };
  /** Add what a document of OpenSLO, Sloth or Pyrra promises */
  "slo.import": { kind: "command"; params: ImportObjectives; result: ObjectivesTold };
  /** The objectives as OpenSLO */
  "slo.export": { kind: "query"; params: Nothing; result: ObjectivesTold };
  /** The rules of Prometheus that they mean */
  "slo.rules": { kind: "query"; params: Nothing; result: ObjectivesTold };
  /** An objective to begin with, for a service */
  "slo.preset": { kind: "query"; params: PresetAsk; result: ObjectivesText };
  /** Times that do not count for a budget, and who says so */
  "slo.exclusions": { kind: "query"; params: Nothing; result: Array<Excluded> };
  /** Take a time out of a budget, for a reason */
  "slo.exclude": { kind: "command"; params: Exclude; result: Done };
  /** Let an excluded time count again */
  "slo.withdraw": { kind: "command"; params: Withdraw; result: Done };
  /** Alerts that fire, wait or are just over, by rules and objectives; the most urgent first */
  "alerts.list": { kind: "query"; params: AlertsAsk; result: AlertsView };
  /** One alert: its rule, its course, what the journal has of it */
  "alerts.show": { kind: "query"; params: AlertAsk; result: AlertView };
  /** Rule files and how their rules fare */
  "rules.list": { kind: "query"; params: Nothing; result: RulesView };
  /** A rule file */
  "rules.file": { kind: "query"; params: ByName; result: RuleFile };
  /** Mistakes of a rule file, and what its rules cannot do although they say so */
  "rules.check": { kind: "query"; params: RulesText; result: RulesCheck };
  /** Write a rule file */
  "rules.write": { kind: "command"; params: RulesText; result: RuleFile };
  /** Remove a rule file */
  "rules.remove": { kind: "command"; params: ByName; result: Done };
  /** What an alert would have done in the past, with another threshold or another `for` */
  "rules.backtest": { kind: "query"; params: BacktestAsk; result: BacktestView };
  /** Run unit tests, in the files that promtool reads */
  "rules.test": { kind: "query"; params: TestRules; result: Array<UnitResult> };
  /** Rule files to begin with */
  "rules.presets": { kind: "query"; params: Nothing; result: Array<RulePreset> };
  /** The contexts that kubeconfig files name */
  "cluster.contexts": { kind: "query"; params: ContextsAsk; result: Array<ContextRow> };
  /** The cluster: which, as whom, with which rights */
  "cluster.show": { kind: "query"; params: Nothing; result: ClusterView };
  /** Workloads, Services, routes, autoscalers and budgets, a page at a time */
  "cluster.objects": { kind: "query"; params: ObjectsAsk; result: ObjectsPage };
  /** Pods, and why one is not ready */
  "cluster.pods": { kind: "query"; params: PodsAsk; result: PodsPage };
  /** What the cluster says has happened */
  "cluster.events": { kind: "query"; params: NoticesAsk; result: NoticesPage };
  /** One object as YAML, without what is secret */
  "cluster.yaml": { kind: "query"; params: TextAsk; result: ObjectText };
  /** What Deckwatch applied to an object beside what is there */
  "cluster.diff": { kind: "query"; params: ObjectAsk; result: ObjectDiff };
  /** What one container printed, or the one before it */
  "cluster.logs": { kind: "query"; params: PodLogs; result: Array<PodLine> };
  /** Exactly what an adoption would write */
  "cluster.plan": { kind: "query"; params: Adopt; result: AdoptionPlan };
  /** Take a Deployment and what stands in front of it in */
  "cluster.adopt": { kind: "command"; params: Adopt; result: Done };
  /** Let an adopted service go as it was found */
  "cluster.release": { kind: "command"; params: ByService; result: Done };
  /** Settle a change of traffic from elsewhere: keep theirs, or write ours again */
  "cluster.settle": { kind: "command"; params: Settle; result: Done };
  /** Until when a read-only environment is open, and why */
  "access.show": { kind: "query"; params: Nothing; result: Opened | null };
  /** Open a read-only environment for a while */
  "access.open": { kind: "command"; params: OpenAccess; result: Done };
  /** Close it again */
  "access.close": { kind: "command"; params: Nothing; result: Done };
  /** The node */
  "node.show": { kind: "query"; params: Nothing; result: NodeStatus };
  /** Start the node if none answers */
  "node.start": { kind: "command"; params: Nothing; result: NodeStatus };
  /** Stop the node and everything it runs */
  "node.stop": { kind: "command"; params: Nothing; result: Done };
  /** The drills and how to try them by hand */
  "training.drills": { kind: "query"; params: Nothing; result: Array<DrillRow> };
  /** The training ground: services, load, the drill being played, grades */
  "training.show": { kind: "query"; params: Nothing; result: TrainingView };
  /** Open the training ground: services, a driver, load */
  "training.open": { kind: "command"; params: Nothing; result: Done };
  /** Play a drill in the open training ground */
  "training.play": { kind: "command"; params: PlayDrill; result: Done };
  /** Stop the drill */
  "training.stop": { kind: "command"; params: Nothing; result: Done };
  /** Change the load */
  "training.load": { kind: "command"; params: SetRate; result: Done };
  /** Bring the demo services up */
  "training.up": { kind: "command"; params: Nothing; result: Ground };
  /** Take them down */
  "training.down": { kind: "command"; params: Nothing; result: Done };
  /** Switch faults of a demo service */
  "training.fault": { kind: "command"; params: Fault; result: Done };
  /** Write a diagnostics file without secrets */
  "doctor.bundle": { kind: "command"; params: ToFile; result: Bundled };
  /** What is missing and what is reachable */
  "doctor": { kind: "query"; params: Nothing; result: Doctor };
};
