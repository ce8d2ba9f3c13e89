"""The names that settings go by in training scripts: what they mean, and which of them say that they aren't tuned.

Names are in lower case, with '_' for '-'. They were gathered from the options of public training scripts and of the
libraries that these use.
"""

from __future__ import annotations

import re

from luthier.core.meaning import known_meanings

ALIASES: dict[str, tuple[str, ...]] = {
    "learning_rate": (
        *("lr", "learningrate", "learn_rate", "eta", "eta0", "base_lr", "init_lr", "lr_init", "initial_lr", "lr0"),
        *("max_lr", "peak_lr", "learning_rate_init", "initial_learning_rate", "peak_learning_rate", "lrate"),
    ),
    "batch_size": (
        *("batchsize", "bs", "bsz", "batch", "train_batch_size", "per_device_train_batch_size", "train_bs", "b_size"),
        *("minibatch_size", "mini_batch_size", "batch_size_train", "batch_sz", "train_batch", "n_batch", "minibatch"),
    ),
    "epochs": (
        *("epoch", "num_epochs", "n_epochs", "nepochs", "max_epochs", "num_train_epochs", "train_epochs", "nb_epochs"),
        *("nb_epoch", "n_epoch", "num_epoch", "total_epochs", "max_epoch", "number_of_epochs", "epochs_num", "nepoch"),
    ),
    "weight_decay": ("wd", "l2", "l2_reg", "l2_penalty", "weightdecay", "decay_weight", "reg", "regularization"),
    "momentum": ("mom", "mu", "sgd_momentum"),
    "dropout": (
        *("drop", "p_drop", "drop_rate", "dropout_rate", "dropout_p", "dropout_prob", "hidden_dropout_prob", "pdrop"),
        *("resid_pdrop", "lora_dropout", "attention_dropout", "attn_dropout", "emb_dropout", "drop_prob", "dp_ratio"),
    ),
    "label_smoothing": ("smoothing", "label_smooth", "label_smoothing_factor", "smooth", "ls"),
    "warmup_fraction": ("warmup_ratio", "warmup_proportion", "pct_start", "warmup_frac"),
    "n_estimators": ("num_boost_round", "num_trees", "n_trees", "num_round", "n_rounds", "ntrees", "num_rounds"),
    "max_depth": ("tree_depth",),
    "min_samples_leaf": ("min_child_samples", "min_data_in_leaf", "min_samples_split", "min_data", "nodesize"),
    "max_leaf_nodes": ("num_leaves", "max_leaves"),
    "subsample": ("bagging_fraction",),
    "colsample_bytree": ("feature_fraction",),
    "l2_regularization": ("reg_lambda", "lambda_l2", "reg_alpha", "lambda_l1", "l2_leaf_reg"),
    "n_neighbors": ("n_neighbours", "neighbors", "neighbours"),
    "alpha": ("ridge_alpha", "lasso_alpha"),
    "C": ("inverse_regularization",),
}
MEANINGS = {alias: meaning for meaning, aliases in ALIASES.items() for alias in (meaning.lower(), *aliases)}
MEANINGS |= {meaning.lower(): meaning for meaning in known_meanings()}
"""What each alias is called in `core.meaning`."""

WIDTHS = re.compile(
    r"hidden(_?(size|dim|units?|features|channels|layer_sizes?))?|(n|num|nb)_?hidden(_units)?|hid_?(dim|size)|nhid|"
    r"units|width|(d|dim)_?model|model_dim|d_?ff|ffn_dim|mlp_dim|emb(ed(ding)?)?_?(dim|size)|emsize|n_embd|"
    r"latent_?dim|(num|n)_?(filters|channels|units)|d_(hidden|embed|proj|inner)|dim_feedforward|ngf|ndf|"
    r"hidden_channels|embed(ding)?s?|lora_(r|rank|alpha)|rank|nhidden|base_channels|fc_dim|hidden[12]"
)
"""Widths of layers, ranks and embeddings."""

DEPTHS = re.compile(
    r"((num|n|nb)_?(hidden_|enc(oder)?_|dec(oder)?_)?|enc(oder)?_|dec(oder)?_)(layers?|blocks)|nlayers?|layers|"
    r"depth|n_layer"
)
"""Numbers of layers."""

CLIPS = re.compile(r"(grad(ient)?_?)?clip(_?(grad(ient)?|norm|value))*(_norm)?|max_(grad_)?norm|clipnorm|grad_norm")
"""Thresholds of gradient clipping."""

BETAS = re.compile(r"(adam_)?(beta_?[12]|b[12])")
"""Decays of an optimizer's averages."""

CHOICES = re.compile(
    r"opt(imi[sz]er)?|solver|algo(rithm)?|activation|nonlinearity|act|kernel|penalty|criterion|arch(itecture)?|"
    r"model|loss|sched(uler|ule)?|lr_schedule[r]?|booster|boosting(_type)?|boosting|class_weight|weights|"
    r"norm(alization)?|pool(ing)?|init(iali[sz]er)?|scaler|tree_method|splitter|grow_policy|max_features|"
    r"lr_scheduler_type|rnn_type"
)
"""Settings of which one of several choices is worth finding."""

SWITCHES = re.compile(
    r"nesterov|amsgrad|augment(ation)?|use_augmentation|batch_?norm|layer_?norm|use_bn|bias|use_bias|residual|"
    r"skip(_connections?)?|tied|tie_weights|bidirectional|shuffle|use_idf|sublinear_tf|fit_intercept|warm_start_lr|"
    r"use_ema|ema|mixup|cutmix|class_balanced?|balanced|normalize|standardi[sz]e|whiten|cosine|use_dropout|"
    r"bootstrap|shrinking|average"
)
"""Switches that change what is learnt."""

FACTORS = re.compile(r"lr_?(decay|gamma|factor)|gamma|decay(_rate)?|lr_decay_rate|step_gamma")
"""What a schedule multiplies the learning rate by."""

SCALES = re.compile(
    r"temperature|temp|tau|margin|min_child_weight|min_split_loss|noise(_std)?|sigma|eps_greedy|beta|kl_weight"
)
"""Positive numbers whose usual range hangs on the script, so that only today's value says where it is."""

ACCUMULATION = re.compile(r"(gradient_)?accum(ulation|ulate)?_?(steps|grad|batches)?|grad_accum(_steps)?")
"""Steps of gradient accumulation."""

SEEDS = re.compile(r"(random_?|rng_?|np_?|torch_?|manual_?|global_?|train_?)?seed|random_?state")
"""Seeds."""

FOLDERS = re.compile(
    r"(output|out|save|log|logging|checkpoint|ckpt|work|results?|model|exp|run)_?(dir|folder)|logdir|outdir|outf|"
    r"savedir"
)
"""Folders that a run writes to."""

NOT_TUNED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern))
    for reason, pattern in (
        (
            "rows for measuring: it changes the speed, not the model",
            (
                r"(test|eval|val|valid|validation|per_device_eval|dev|inference|predict)_?(batch_?size|bs|batch)|"
                r"batch_?size_?(test|eval|val)"
            ),
        ),
        (
            "where it runs, not what it learns",
            (
                r"(no_?)?(cuda|gpus?|mps|accel|cpu|tpu|xpu)|device(_?ids?)?|use_(gpu|cuda)|gpu_ids?|accelerator|fp16|"
                r"bf16|amp|precision|dtype|compile|tf32|half|mixed_precision|backend|devices|no_accel"
            ),
        ),
        (
            "how fast it runs, not what it learns",
            (
                r"(num_?|n_?|dataloader_|data_)*(workers?|threads?|jobs|cores|procs?|processes|nodes)|prefetch.*|"
                r"pin_memory|nthreads?|dataloader_num_workers|cache.*"
            ),
        ),
        (
            "what it says, not what it learns",
            (
                r".*(log|print|report|eval|save|checkpoint|display|val|dev|test|sample|plot)_?"
                r"(interval|every|freq(uency)?|steps?|period|n_steps|epochs|strategy).*|"
                r"verbos(e|ity)|quiet|silent|debug|progress.*|(no_)?progress_?bar|disable_tqdm|.*wandb.*|tensorboard.*|"
                r"tb|report_to|show.*|plot.*|verbose_eval|log_?level|print|print_freq"
            ),
        ),
        (
            "a name",
            (
                r".*(name|project|entity|tag|note|comment|title|experiment|exp|run_id|model_id|version|prefix|suffix)s?|"
                r".*groups?|"
                r"user|host(name)?|task"
            ),
        ),
        (
            "a path",
            (
                r".*(path|dir|directory|file|folder|root|url|uri|ckpt|checkpoint|filename|csv|json)s?|resume.*|"
                r"pretrained.*|from_pretrained|save.*|load.*|output|out|input|data|dataset|train|test|val|valid|"
                r"weights_from|dest(ination)?|corpus|store"
            ),
        ),
        (
            "where several machines meet",
            (
                r"(local_|global_|node_)?rank|world_size|dist(ributed)?.*|port|master.*|multi.*|ddp|fsdp|nprocs|"
                r"num_nodes|host"
            ),
        ),
        (
            "what it is measured on: other values would not compare",
            (
                r"(test|val|valid|validation|train|eval|dev|hold_?out)_?(size|split|ratio|frac(tion)?|pct|percent(age)?)|"
                r"(max|num|n)_?(train_?|eval_?|test_?)?_?(samples|examples|rows|points|data|images|instances)(_per_class)?|"
                r"(k|n|num)?_?(folds?|splits?)|cv|subset|limit|sample_size|rows|samples|fraction|noise_level|train_rows|"
                r"dataset_size"
            ),
        ),
        (
            "set by the data",
            (
                r"(num|n)_?(class(es)?|labels|features|inputs?|outputs?|categories|tokens)|"
                r"(input|output|out|in)_?(dim|size|features|channels)|image_?size|img_?(size|dim)|"
                r"vocab(ulary)?(_?size)?|nz|nc|channels|num_nodes|height|width_px|objective|metric|eval_metric|scoring|"
                r"target|label|features|separator|delimiter|num_class"
            ),
        ),
        (
            "its best value hangs on the width, which it must divide",
            r"(num|n)_?(attention_)?(heads?|attention_heads)|nhead|n_head|groups",
        ),
        (
            "a numerical detail",
            r"(adam_)?eps(ilon)?|tol(erance)?|rho|eps_.*",
        ),
        (
            "how long the text may be: it changes what is measured",
            (
                r"(max_?)?(seq(uence)?|source|target|input|src|tgt|block|context)?_?(len(gth)?)|max_?len(gth)?|"
                r"max_seq_length|block_size|bptt|context"
            ),
        ),
        (
            "a short run to see whether it works",
            (
                r"dry_?run|fast_dev_run|smoke.*|quick|demo|help|do_(train|eval|predict|test)|mode|train_only|evaluate|"
                r"overwrite.*|push_to_hub|config|action|command|test_only|profile"
            ),
        ),
        (
            "when to give up: it changes how long is trained, not what is learnt",
            r"(early_?stop(ping)?_?)?(patience|rounds|delta)|early_?stop(ping)?|min_delta|early_stopping.*",
        ),
        (
            "how long it trains: more is seldom worse, and dearer",
            (
                r"(max_?|num_?|n_?|total_?|train_?)*(steps?|iter(ation)?s?|updates|train_steps|timesteps)|"
                r"steps_per_epoch|start_epoch|last_epoch|start_iter|iterations_per_epoch|n_iter_no_change"
            ),
        ),
    )
)
"""Why settings of other names are left as they are; the first that fits counts."""
