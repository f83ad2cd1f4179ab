//! The rows of the matrix: what there is to run, chosen by filters, kind and tier, and what is missing.

use super::args::Only;
use super::workspace::Package;
use crate::config::Backend;
use crate::model::{Component, Model, Rule, Run, Seeded, Tier};

/// A row of the matrix before it has run.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The component.
    pub component: &'static Component,
    /// The model.
    pub model: &'static Model,
    /// The run.
    pub run: Run,
    /// The seeded bug, if the run must fail.
    pub seeded: Option<Seeded>,
}

impl Row {
    /// The model's name with its component's.
    pub fn path(&self) -> String {
        format!("{}/{}", self.component.name, self.model.name)
    }

    /// The row in a few words, unique in the matrix.
    pub fn title(&self) -> String {
        match self.seeded {
            None => format!("{} {}", self.path(), self.run.config),
            Some(seeded) => format!("{} {} with {}", self.path(), self.run.config, seeded.bug),
        }
    }

    /// The backend it runs under.
    pub fn backend(&self) -> Backend {
        self.run.config.backend()
    }
}

/// What the user narrowed the run to.
#[derive(Debug)]
pub struct Selection {
    filters: Vec<String>,
    only: Option<Only>,
    tier: Tier,
}

impl Selection {
    /// Checks the filters against what there is.
    ///
    /// # Errors
    /// If a filter names nothing: says what it could have named.
    pub fn new(
        filters: &[String],
        only: Option<Only>,
        tier: Tier,
        components: &'static [Component],
        packages: &[Package],
    ) -> Result<Self, String> {
        for filter in filters {
            let names_package = packages.iter().any(|package| is_package(filter, package));
            // A component without models has its package's tests.
            let names_component = components.iter().any(|component| component.name == filter);
            let names_model =
                components.iter().any(|component| component.models().any(|model| selects(filter, component, model)));
            if !names_package && !names_component && !names_model {
                let mut known: Vec<_> = packages.iter().map(Package::short).collect();
                known.extend(components.iter().map(|component| component.name));
                known.sort_unstable();
                known.dedup();
                return Err(format!(
                    "nothing is called `{filter}`; there are: {}, and COMPONENT/MODEL as --list shows",
                    known.join(", ")
                ));
            }
        }
        Ok(Self { filters: filters.to_vec(), only, tier })
    }

    /// The packages whose tests run.
    pub fn packages<'a>(&self, components: &'static [Component], packages: &'a [Package]) -> Vec<&'a Package> {
        if matches!(self.only, Some(Only::Loom | Only::Shuttle)) {
            return Vec::new();
        }
        let wanted = |package: &Package| {
            self.filters.is_empty()
                || self.filters.iter().any(|filter| {
                    is_package(filter, package)
                        || components
                            .iter()
                            .any(|component| component.name == filter && component.package == package.name)
                })
        };
        packages.iter().filter(|package| wanted(package)).collect()
    }

    /// The models' rows: first those that must pass, then those that must fail.
    pub fn rows(&self, components: &'static [Component]) -> Vec<Row> {
        let models = components
            .iter()
            .flat_map(|component| component.models().map(move |model| (component, model)))
            .filter(|(component, model)| {
                self.filters.is_empty() || self.filters.iter().any(|filter| selects(filter, component, model))
            });
        let mut pass = Vec::new();
        let mut fail = Vec::new();
        for (component, model) in models {
            pass.extend(model.runs.iter().map(|&run| Row { component, model, run, seeded: None }));
            fail.extend(model.seeded.iter().map(|&seeded| Row {
                component,
                model,
                run: seeded.run,
                seeded: Some(seeded),
            }));
        }
        pass.append(&mut fail);
        pass.retain(|row| row.run.tier <= self.tier && self.allows(row.backend()));
        pass
    }

    fn allows(&self, backend: Backend) -> bool {
        match self.only {
            None => true,
            Some(Only::Tests) => false,
            Some(Only::Loom) => backend == Backend::Loom,
            Some(Only::Shuttle) => backend == Backend::Shuttle,
        }
    }
}

/// `core` and `reweave-core` both name that package.
fn is_package(filter: &str, package: &Package) -> bool {
    filter == package.name || filter == package.short()
}

/// A model is named by its component, its component's package, or itself.
fn selects(filter: &str, component: &Component, model: &Model) -> bool {
    let package = component.package;
    filter == component.name
        || filter == package
        || package.strip_prefix("reweave-") == Some(filter)
        || filter.split_once('/') == Some((component.name, model.name))
}

/// Something that a component must have and has not, among the rows that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The component.
    pub component: &'static str,
    /// The rule that is not met.
    pub rule: Rule,
    /// Why it need not be met, if so.
    pub waived: Option<&'static str>,
}

impl Gap {
    /// The rule in words.
    pub fn words(&self) -> String {
        match self.rule {
            Rule::LoomRow => "at least one row under loom".into(),
            Rule::ShuttleRow => "at least one row under shuttle".into(),
            Rule::SeededRow => "at least one seeded bug".into(),
            Rule::SeededFor(model) => format!("at least one seeded bug for {model}"),
        }
    }
}

/// Which rules the rows of a full run leave unmet.
pub fn gaps(components: &'static [Component], rows: &[Row]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for component in components {
        let mine: Vec<_> = rows.iter().filter(|row| row.component.name == component.name).collect();
        let under = |backend: Backend| mine.iter().any(|row| row.seeded.is_none() && row.backend() == backend);
        let mut unmet = Vec::new();
        if !under(Backend::Loom) {
            unmet.push(Rule::LoomRow);
        }
        if !under(Backend::Shuttle) {
            unmet.push(Rule::ShuttleRow);
        }
        if mine.iter().all(|row| row.seeded.is_none()) {
            unmet.push(Rule::SeededRow);
        }
        for model in component.models() {
            let of_it = |row: &&&Row| row.model.name == model.name;
            if mine.iter().filter(of_it).any(|row| row.seeded.is_none())
                && mine.iter().filter(of_it).all(|row| row.seeded.is_none())
            {
                unmet.push(Rule::SeededFor(model.name));
            }
        }
        gaps.extend(unmet.into_iter().map(|rule| Gap {
            component: component.name,
            rule,
            waived: component.waived.iter().find(|waiver| waiver.rule == rule).map(|waiver| waiver.reason),
        }));
    }
    gaps
}
