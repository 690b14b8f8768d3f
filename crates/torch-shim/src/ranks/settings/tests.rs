use super::*;

fn settings(variables: &[(&str, &str)]) -> Result<Option<RankSettings>, RanksError> {
    let find = |name: &str| variables.iter().find(|(variable, _)| *variable == name);
    RankSettings::from_variables(&|name| find(name).map(|(_, value)| (*value).to_owned()))
}

/// Rank, number of ranks, rank on the machine, address and port.
fn place(variables: &[(&str, &str)]) -> (usize, usize, Option<usize>, String, u16) {
    let settings = settings(variables).expect("consistent").expect("several ranks");
    let RankSettings {
        rank,
        world_size,
        local_rank,
        address,
        port,
        ..
    } = settings;
    (rank, world_size, local_rank, address, port)
}

fn refusal(variables: &[(&str, &str)]) -> String {
    settings(variables).expect_err("not consistent").to_string()
}

#[test]
fn each_launcher_says_who_this_process_is() {
    assert_eq!(settings(&[]), Ok(None));
    let torchrun = [
        ("RANK", "5"),
        ("WORLD_SIZE", "8"),
        ("LOCAL_RANK", "1"),
        ("MASTER_ADDR", "node3"),
        ("MASTER_PORT", "1234"),
        ("SLURM_STEP_ID", "0"),
        ("SLURM_PROCID", "1"),
        ("SLURM_STEP_NUM_TASKS", "2"), // one torchrun a machine
    ];
    assert_eq!(place(&torchrun), (5, 8, Some(1), "node3".to_owned(), 1234));
    let open_mpi = [
        ("OMPI_COMM_WORLD_RANK", "1"),
        ("OMPI_COMM_WORLD_SIZE", "2"),
        ("OMPI_COMM_WORLD_LOCAL_RANK", "1"),
        ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"),
    ];
    assert_eq!(place(&open_mpi), (1, 2, Some(1), "127.0.0.1".to_owned(), 29500));
    let hydra = [("PMI_RANK", "0"), ("PMI_SIZE", "2"), ("MASTER_ADDR", "node1")];
    assert_eq!(place(&hydra), (0, 2, None, "node1".to_owned(), 29500));
    let slurm = [
        ("SLURM_STEP_ID", "0"),
        ("SLURM_PROCID", "3"),
        ("SLURM_STEP_NUM_TASKS", "4"),
        ("SLURM_LOCALID", "0"),
        ("SLURM_STEP_NUM_NODES", "4"),
        ("SLURM_STEP_NODELIST", "gpu[07-09,11]"),
    ];
    assert_eq!(place(&slurm), (3, 4, Some(0), "gpu07".to_owned(), 29500));
    assert_eq!(settings(&slurm[1..]), Ok(None), "a batch script is no rank");
}

#[test]
fn a_list_of_machines_begins_with_the_first() {
    for (list, first) in [
        ("a", "a"),
        ("a,b[1-2]", "a"),
        ("n[01-04,07],m", "n01"),
        ("n[3,5]", "n3"),
    ] {
        assert_eq!(first_machine(list), first);
    }
}

#[test]
fn torchrun_hosts_the_store_itself_if_it_says_so() {
    let variables = [
        ("RANK", "0"),
        ("WORLD_SIZE", "2"),
        ("MASTER_ADDR", "a"),
        ("TORCHELASTIC_USE_AGENT_STORE", "True"),
        ("TORCHELASTIC_RESTART_COUNT", "3"),
    ];
    let settings = settings(&variables).expect("consistent").expect("several ranks");
    assert_eq!(settings.restarts_of_torchrun, Some(3));
}

#[test]
fn half_set_impossible_and_contradictory_variables_are_named_with_the_remedy() {
    assert_eq!(
        refusal(&[("RANK", "1")]),
        "RANK=1 is set and WORLD_SIZE is not; set both, as torchrun does, or neither"
    );
    assert_eq!(
        refusal(&[("OMPI_COMM_WORLD_SIZE", "2")]),
        "OMPI_COMM_WORLD_SIZE=2 is set and OMPI_COMM_WORLD_RANK is not; start with Open MPI's mpirun, or unset it"
    );
    assert_eq!(
        refusal(&[("RANK", "1"), ("WORLD_SIZE", "2")]),
        "RANK=1 and WORLD_SIZE=2 is set and MASTER_ADDR is not; set it to the name of rank 0's machine for all ranks, \
         or to 127.0.0.1 if all are on one"
    );
    assert_eq!(
        refusal(&[("RANK", "2"), ("WORLD_SIZE", "2")]),
        "RANK=2 is no rank, with WORLD_SIZE=2: they are 0 to 1; set both, as torchrun does, or neither"
    );
    assert_eq!(
        refusal(&[("RANK", "first"), ("WORLD_SIZE", "2")]),
        "RANK=first is no number; set both, as torchrun does, or neither"
    );
    assert_eq!(
        refusal(&[
            ("RANK", "0"),
            ("WORLD_SIZE", "2"),
            ("MASTER_ADDR", "a"),
            ("MASTER_PORT", "70000")
        ]),
        "MASTER_PORT=70000 is no port; set it to a free port of rank 0's machine, 1024 to 65535"
    );
    assert_eq!(
        refusal(&[("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "2")]),
        "LOCAL_RANK=2 is no rank on a machine, with WORLD_SIZE=2; set both, as torchrun does, or neither"
    );
    assert_eq!(
        refusal(&[("RANK", "0"), ("WORLD_SIZE", "2"), ("PMI_RANK", "1"), ("PMI_SIZE", "2")]),
        "RANK=0 and WORLD_SIZE=2, but PMI_RANK=1 and PMI_SIZE=2; unset the variables of the launcher that did not \
         start this process"
    );
}
