//! Filters, tiers and the rules of a full run, on a registry made up for it.

use super::args::Only;
use super::rows::{Selection, gaps};
use super::workspace::Package;
use crate::model::{Component, Model, Rule, Run, Seeded, Tier, Waiver};

fn nothing() {}

const fn model(name: &'static str, runs: &'static [Run], seeded: &'static [Seeded]) -> Model {
    Model { name, property: "holds", runs, covers: &[], seeded, body: nothing }
}

const BUG: Seeded = Seeded { bug: "a/bug", run: Run::loom(), expect: "caught it" };

static COMPONENTS: &[Component] = &[
    Component {
        name: "gate",
        package: "reweave-core",
        models: &[
            &[model("opens", &[Run::loom(), Run::shuttle_dfs()], &[BUG])],
            &[model("closes", &[Run::loom(), Run::loom_bounded(3).deep()], &[])],
        ],
        waived: &[],
        trusted: &[],
    },
    Component {
        name: "stm",
        package: "reweave-stm",
        models: &[&[model("commits", &[Run::shuttle_random(10)], &[BUG])]],
        waived: &[Waiver { rule: Rule::LoomRow, reason: "a test" }],
        trusted: &[],
    },
    Component { name: "plain", package: "reweave-core", models: &[], waived: NOT_CONCURRENT, trusted: &[] },
];

const NOT_CONCURRENT: &[Waiver] = &[
    Waiver { rule: Rule::LoomRow, reason: "plain" },
    Waiver { rule: Rule::ShuttleRow, reason: "plain" },
    Waiver { rule: Rule::SeededRow, reason: "plain" },
];

fn packages() -> Vec<Package> {
    ["reweave-core", "reweave-stm", "reweave"].map(|name| Package { name: name.into(), id: name.into() }).to_vec()
}

fn selection(filters: &[&str], only: Option<Only>, tier: Tier) -> Result<Selection, String> {
    let filters: Vec<_> = filters.iter().map(|&filter| filter.to_owned()).collect();
    Selection::new(&filters, only, tier, COMPONENTS, &packages())
}

fn titles(filters: &[&str], only: Option<Only>, tier: Tier) -> Vec<String> {
    let selection = selection(filters, only, tier).unwrap();
    let rows = selection.rows(COMPONENTS);
    rows.iter().map(|row| row.title()).collect()
}

fn tested(filters: &[&str], only: Option<Only>) -> Vec<String> {
    let packages = packages();
    let selection = selection(filters, only, Tier::Ci).unwrap();
    let tested = selection.packages(COMPONENTS, &packages);
    tested.iter().map(|package| package.name.clone()).collect()
}

#[test]
fn everything_runs_unless_narrowed_and_must_fail_rows_come_last() {
    assert_eq!(
        titles(&[], None, Tier::Ci),
        [
            "gate/opens loom-complete",
            "gate/opens shuttle-dfs",
            "gate/closes loom-complete",
            "stm/commits shuttle-random-10",
            "gate/opens loom-complete with a/bug",
            "stm/commits loom-complete with a/bug",
        ]
    );
    assert_eq!(tested(&[], None), ["reweave-core", "reweave-stm", "reweave"]);
}

#[test]
fn the_deep_tier_adds_rows() {
    let deep = titles(&["gate/closes"], None, Tier::Deep);
    assert_eq!(deep, ["gate/closes loom-complete", "gate/closes loom-bounded-3"]);
}

#[test]
fn a_filter_names_a_component_a_package_or_a_model() {
    let gate = titles(&["gate"], None, Tier::Ci);
    assert_eq!(gate.len(), 4);
    assert_eq!(gate, titles(&["core"], None, Tier::Ci));
    assert_eq!(gate, titles(&["reweave-core"], None, Tier::Ci));
    assert_eq!(tested(&["gate"], None), ["reweave-core"]);
    assert_eq!(tested(&["core"], None), ["reweave-core"]);
    assert_eq!(tested(&["reweave"], None), ["reweave"]);
    assert_eq!(titles(&["gate/opens"], None, Tier::Ci).len(), 3);
    assert!(tested(&["gate/opens"], None).is_empty());
}

#[test]
fn a_component_without_models_is_named_for_its_tests() {
    assert!(titles(&["plain"], None, Tier::Ci).is_empty());
    assert_eq!(tested(&["plain"], None), ["reweave-core"]);
}

#[test]
fn one_kind_leaves_the_others_out() {
    assert_eq!(titles(&[], Some(Only::Shuttle), Tier::Ci), ["gate/opens shuttle-dfs", "stm/commits shuttle-random-10"]);
    assert_eq!(titles(&[], Some(Only::Loom), Tier::Ci).len(), 4);
    assert!(titles(&[], Some(Only::Tests), Tier::Ci).is_empty());
    assert!(tested(&[], Some(Only::Loom)).is_empty());
    assert_eq!(tested(&["stm"], Some(Only::Tests)), ["reweave-stm"]);
}

#[test]
fn an_unknown_name_is_refused_with_the_known_ones() {
    for wrong in ["gte", "gate/ajar", "reweave-gate"] {
        let refusal = selection(&[wrong], None, Tier::Ci).unwrap_err();
        assert!(refusal.contains(wrong) && refusal.contains("core, gate, plain, reweave, stm"), "{refusal}");
        assert!(!refusal.contains('\n'));
    }
}

#[test]
fn a_full_run_names_what_a_component_lacks_and_what_is_waived() {
    let rows = selection(&[], None, Tier::Ci).unwrap().rows(COMPONENTS);
    let gaps = gaps(COMPONENTS, &rows);
    let told: Vec<_> = gaps.iter().map(|gap| (gap.component, gap.rule, gap.waived)).collect();
    assert_eq!(
        told,
        [
            ("gate", Rule::SeededFor("closes"), None),
            ("stm", Rule::LoomRow, Some("a test")),
            ("plain", Rule::LoomRow, Some("plain")),
            ("plain", Rule::ShuttleRow, Some("plain")),
            ("plain", Rule::SeededRow, Some("plain")),
        ]
    );
}

#[test]
fn a_must_fail_row_is_no_proof_of_its_own() {
    // The stm component has a row under loom only with a bug switched on; that does not count.
    let rows: Vec<_> = selection(&["stm"], Some(Only::Loom), Tier::Ci).unwrap().rows(COMPONENTS);
    assert_eq!(rows.len(), 1);
    let gaps = gaps(&COMPONENTS[1..], &rows);
    assert!(gaps.iter().any(|gap| gap.rule == Rule::LoomRow));
    assert!(gaps.iter().any(|gap| gap.rule == Rule::ShuttleRow));
}
