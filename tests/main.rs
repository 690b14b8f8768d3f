//! End-to-end tests: the built binary `reproduce`, real files, real processes, a small real training.

mod analyze;
mod archive;
mod bad_input;
mod browser;
mod check;
mod command_line;
mod compare;
mod contrast;
mod damaged_results;
mod documents;
mod durability;
mod ensembles;
mod exchange;
mod failed_run;
mod kill_and_resume;
mod main_job;
mod page;
mod reading;
mod rows;
mod sandbox;
mod second_stages;
mod storm;
mod threads;
mod warm_starts;
mod weights;
mod wheel;
