//! The epochs that two methods train alike: those before a part of one of them starts.

use crate::method::Method;
use crate::parts::regularizer::FeatureTerm;

impl Method {
    /// The number of epochs, from the first on, that this method and `other` train with the same bits, under the same recipe, data and
    /// seed: until the first of their deferred parts starts that only one has. 0 if they differ from the first epoch on, or never.
    pub fn epochs_like(&self, other: &Method) -> i64 {
        let mut starts: Vec<i64> = self
            .starts()
            .into_iter()
            .chain(other.starts())
            .map(|(_, start)| start)
            .collect();
        starts.sort_unstable_by(|one, other| other.cmp(one));
        let alike = |epoch: &i64| self.before(*epoch) == other.before(*epoch);
        starts.into_iter().filter(|&start| start > 0).find(alike).unwrap_or(0)
    }

    /// The method as it trains before 0-based `epoch`: without the parts that have not started by then. Parts that it keeps may draw and
    /// count earlier.
    pub fn before(&self, epoch: i64) -> Method {
        Method {
            resample: self.resample.filter(|later| later.start_epoch < epoch),
            reweight: self.reweight.filter(|reweight| reweight.start_epoch() < epoch),
            regularizer: self.regularizer.clone().filter(|FeatureTerm::Nc(config)| {
                config.start_epoch < epoch || config.before_start != nc::BeforeStart::Off
            }),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::reweight::Reweight;
    use crate::parts::sampler::{Resample, Sampler};

    fn drw(start_epoch: i64) -> Method {
        Method {
            reweight: Some(Reweight::InverseFrequency {
                power: 1.0,
                start_epoch,
            }),
            ..Method::default()
        }
    }

    fn with_nc(method: Method, config: nc::Config) -> Method {
        Method {
            regularizer: Some(FeatureTerm::Nc(config)),
            ..method
        }
    }

    #[test]
    fn methods_are_alike_until_a_part_starts_that_only_one_has() {
        let plain = Method::default();
        let drs = Method {
            resample: Some(Resample {
                sampler: Sampler::ClassBalanced,
                start_epoch: 160,
            }),
            ..Method::default()
        };
        assert_eq!(plain.epochs_like(&drw(160)), 160);
        assert_eq!(drw(160).epochs_like(&drs), 160);
        assert_eq!(drw(160).epochs_like(&drw(120)), 120);
        assert_eq!(plain.epochs_like(&drw(0)), 0);
        let nc_later = |start_epoch| nc::Config {
            start_epoch,
            ..nc::Config::default()
        };
        assert_eq!(plain.epochs_like(&with_nc(plain.clone(), nc_later(100))), 100);
        assert_eq!(drw(160).epochs_like(&with_nc(drw(160), nc_later(100))), 100);
        assert_eq!(
            with_nc(plain.clone(), nc_later(0)).epochs_like(&with_nc(drw(160), nc_later(0))),
            160
        );
        assert_eq!(plain.epochs_like(&with_nc(plain.clone(), nc_later(0))), 0);
        let frozen = nc::Config {
            before_start: nc::BeforeStart::WithinClassToFrozenCentres,
            ..nc_later(100)
        };
        assert_eq!(
            plain.epochs_like(&with_nc(plain.clone(), frozen)),
            0,
            "it acts before its start"
        );
    }
}
