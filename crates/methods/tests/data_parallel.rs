//! Several processes train what one process trains, within rounding: this test program starts itself.

#[path = "parts/tiny.rs"]
mod tiny;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};

use methods::{
    Augmentation, DataParallel, Distillation, Experts, FeatureTerm, Head, LearningRate, Loss, Method, Mix, Mixup,
    Recipe, Reweight, Ride,
};
use tch::Tensor;
use torch_shim::ranks::{RankSettings, Ranks};

/// Where a started process writes its networks.
const FOLDER: &str = "LONGTAIL_TEST_NETWORKS";

fn methods() -> [(&'static str, Method); 3] {
    let regularized = Method {
        reweight: Some(Reweight::ClassBalanced {
            beta: 0.9999,
            start_epoch: 1,
        }),
        regularizer: Some(FeatureTerm::Nc(nc::Config::default())),
        ..Method::default()
    };
    [
        ("nc-drw", regularized.clone()),
        (
            "mixup and distillation",
            Method {
                augmentation: Augmentation {
                    mix: Some(Mix::Mixup(Mixup { alpha: 1.0 })),
                    ..Augmentation::default()
                },
                distillation: Some(Distillation {
                    teacher: "the network beside it".into(),
                    temperature: 3.0,
                    weight: 0.5,
                    labels_weight: None,
                    power: 0.5,
                }),
                ..regularized.clone()
            },
        ),
        (
            "ride",
            Method {
                head: Head::Cosine,
                loss: Loss::Ldam {
                    max_margin: 0.5,
                    scale: 30.0,
                },
                experts: Some(Experts::Ride(Ride::default())),
                ..regularized
            },
        ),
    ]
}

/// Two epochs of five batches, the last of one image. The rate is so low that a rounding which changes the side of a ReLU does not grow.
fn trained(method: &Method, parallel: Option<&DataParallel>, checkpoint: &Path) -> Vec<(String, Tensor)> {
    tch::set_num_threads(1);
    let mut model = tiny::network(method, 2);
    let recipe = Recipe {
        learning_rate: LearningRate::Cosine { initial: 0.01 },
        ..tiny::recipe(2, 8, 5e-4)
    };
    let images = tiny::images([22, 7, 4]);
    match parallel {
        None => tiny::train(&mut model, method, &recipe, &images, checkpoint, None),
        Some(_) => tiny::train_with(parallel, &mut model, method, &recipe, &images, checkpoint, None),
    }
    .expect("it trains");
    let tensors = model.named_tensors().into_iter();
    tensors.map(|(name, tensor)| (name, tensor.contiguous())).collect()
}

/// What a started process does.
#[test]
fn process() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return; // not started by the test below
    };
    let settings = RankSettings::from_environment().expect("consistent").expect("several");
    let parallel = DataParallel::new(Ranks::connect(&settings).expect("they meet"));
    for (name, method) in methods() {
        let path = |ending: &str| {
            Path::new(&folder).join(format!("{name}.{}.{}.{ending}", settings.rank, settings.world_size))
        };
        let network = trained(&method, Some(&parallel), &path("checkpoint"));
        Tensor::write_safetensors(&network, path("network")).expect("a folder of the test");
    }
    parallel.part();
}

fn start(folder: &Path, port: u16, rank: usize, processes: usize) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["process", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env("RANK", rank.to_string())
        .env("WORLD_SIZE", processes.to_string())
        .env("MASTER_ADDR", "127.0.0.1")
        .env("MASTER_PORT", port.to_string())
        .spawn()
        .expect("this program starts")
}

#[test]
fn two_and_three_processes_train_the_network_of_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for processes in [2, 3] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let started: Vec<Child> = (0..processes)
            .map(|rank| start(folder.path(), port, rank, processes))
            .collect();
        for mut process in started {
            assert!(process.wait().expect("our child").success());
        }
        for (name, method) in methods() {
            let alone = trained(&method, None, &folder.path().join(format!("{name}.{processes}.alone")));
            let read = |rank: usize| {
                let path = folder.path().join(format!("{name}.{rank}.{processes}.network"));
                Tensor::read_safetensors(path).expect("it was written")
            };
            let others: Vec<_> = (0..processes).map(read).collect();
            for (tensor, alone) in &alone {
                let of = |rank: usize| {
                    let found = others[rank].iter().find(|(found, _)| found == tensor);
                    &found.expect(tensor).1
                };
                assert!(
                    (1..processes).all(|rank| of(rank).equal(of(0))),
                    "{name}, {tensor}: all have the same bits"
                );
                let difference = (of(0) - alone).abs().max().double_value(&[]);
                let size = alone.abs().max().double_value(&[]).max(1e-2);
                assert!(
                    difference < 1e-3 * size,
                    "{name}, {processes} processes, {tensor}: {difference} of {size}"
                );
            }
        }
    }
}
