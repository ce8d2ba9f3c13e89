"""Which settings of a script are worth tuning, and over which range; of the others, why not.

What a name means comes first (`lr` is a learning rate); usual ranges are those of `core.meaning`, moved so that they
hold what the script has today. A setting whose meaning isn't known is left as it is: a wrong range costs more than
a missing one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from luthier.core.meaning import by_meaning, known_meanings
from luthier.core.parameter import Choice, Float, Int, Parameter
from luthier.stages.adopt.found import Form, Kind, Setting

TRAINING, ARCHITECTURE, MODEL = "training", "architecture", "model"


class Role(StrEnum):
    """What a task does with a setting."""

    TUNE = "tune"
    EPOCHS = "epochs"  # how long it trains: the fidelity, or fixed
    SEED = "seed"
    OUTPUT = "output"  # a folder that it writes to: each run gets its own
    FIXED = "fixed"


@dataclass(frozen=True)
class Judged:
    """A setting with its role; `parameter` and `lever` where it is tuned, and the reason for either."""

    setting: Setting
    role: Role
    reason: str
    lever: str = ""
    parameter: Parameter | None = None
    meaning: str = ""


_ALIASES: dict[str, tuple[str, ...]] = {
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
_MEANING = {alias: meaning for meaning, aliases in _ALIASES.items() for alias in (meaning.lower(), *aliases)}
_MEANING |= {meaning.lower(): meaning for meaning in known_meanings()}

_TRAINING = ("learning_rate", "weight_decay", "momentum", "label_smoothing", "warmup_fraction", "batch_size")
_MODEL = tuple(name for name in known_meanings() if name not in (*_TRAINING, "epochs", "dropout"))

_WIDTHS = re.compile(
    r"hidden(_?(size|dim|units?|features|channels|layer_sizes?))?|(n|num|nb)_?hidden(_units)?|hid_?(dim|size)|nhid|units|width|"
    r"(d|dim)_?model|model_dim|d_?ff|ffn_dim|mlp_dim|emb(ed(ding)?)?_?(dim|size)|emsize|n_embd|latent_?dim|"
    r"(num|n)_?(filters|channels|units)|d_(hidden|embed|proj|inner)|dim_feedforward|ngf|ndf|hidden_channels|embed(ding)?s?|"
    r"lora_(r|rank|alpha)|rank|nhidden|base_channels|fc_dim|hidden[12]"
)
_DEPTHS = re.compile(r"((num|n|nb)_?(hidden_|enc(oder)?_|dec(oder)?_)?|enc(oder)?_|dec(oder)?_)(layers?|blocks)|nlayers?|layers|depth|n_layer")
_CLIPS = re.compile(r"(grad(ient)?_?)?clip(_?(grad(ient)?|norm|value))*(_norm)?|max_(grad_)?norm|clipnorm|grad_norm")
_BETAS = re.compile(r"(adam_)?(beta_?[12]|b[12])")
_CHOSEN = re.compile(
    r"opt(imi[sz]er)?|solver|algo(rithm)?|activation|nonlinearity|act|kernel|penalty|criterion|arch(itecture)?|model|loss|"
    r"sched(uler|ule)?|lr_schedule[r]?|booster|boosting(_type)?|boosting|class_weight|weights|norm(alization)?|pool(ing)?|"
    r"init(iali[sz]er)?|scaler|tree_method|splitter|grow_policy|max_features|lr_scheduler_type|rnn_type"
)
_SWITCHES = re.compile(
    r"nesterov|amsgrad|augment(ation)?|use_augmentation|batch_?norm|layer_?norm|use_bn|bias|use_bias|residual|skip(_connections?)?|"
    r"tied|tie_weights|bidirectional|shuffle|use_idf|sublinear_tf|fit_intercept|warm_start_lr|use_ema|ema|mixup|cutmix|"
    r"class_balanced?|balanced|normalize|standardi[sz]e|whiten|cosine|use_dropout|bootstrap|shrinking|average"
)
_FACTORS = re.compile(r"lr_?(decay|gamma|factor)|gamma|decay(_rate)?|lr_decay_rate|step_gamma")
_WIDE = re.compile(r"temperature|temp|tau|margin|min_child_weight|min_split_loss|noise(_std)?|sigma|eps_greedy|beta|kl_weight")
_GRADIENT = re.compile(r"(gradient_)?accum(ulation|ulate)?_?(steps|grad|batches)?|grad_accum(_steps)?")

_SEED = re.compile(r"(random_?|rng_?|np_?|torch_?|manual_?|global_?)?(seed|state)|random_state")
_OUTPUT = re.compile(r"(output|out|save|log|logging|checkpoint|ckpt|work|results?|model|exp|run)_?(dir|folder)|logdir|outdir|outf|savedir")
_FIXED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern))
    for reason, pattern in (
        ("rows for measuring: it changes the speed, not the model", r"(test|eval|val|valid|validation|per_device_eval|dev|inference|predict)_?(batch_?size|bs|batch)|batch_?size_?(test|eval|val)"),
        ("where it runs, not what it learns", r"(no_?)?(cuda|gpus?|mps|accel|cpu|tpu|xpu)|device(_?ids?)?|use_(gpu|cuda)|gpu_ids?|accelerator|fp16|bf16|amp|precision|dtype|compile|tf32|half|mixed_precision|backend|devices|no_accel"),
        ("how fast it runs, not what it learns", r"(num_?|n_?|dataloader_|data_)*(workers?|threads?|jobs|cores|procs?|processes|nodes)|prefetch.*|pin_memory|nthreads?|dataloader_num_workers|cache.*"),
        ("what it says, not what it learns", r".*(log|print|report|eval|save|checkpoint|display|val|test|sample|plot)_?(interval|every|freq(uency)?|steps?|period|n_steps|epochs|strategy).*|verbos(e|ity)|quiet|silent|debug|progress.*|(no_)?progress_?bar|disable_tqdm|.*wandb.*|tensorboard.*|tb|report_to|show.*|plot.*|verbose_eval|log_?level|print|print_freq"),
        ("a name", r".*(name|project|entity|tag|note|comment|title|experiment|exp|run_id|model_id|version|prefix|suffix|group)s?|user|host(name)?|task"),
        ("a path", r".*(path|dir|directory|file|folder|root|url|uri|ckpt|checkpoint|filename|csv|json)s?|resume.*|pretrained.*|from_pretrained|save.*|load.*|output|out|input|data|dataset|train|test|val|valid|weights_from|dest(ination)?|corpus|store"),
        ("where several machines meet", r"(local_|global_|node_)?rank|world_size|dist(ributed)?.*|port|master.*|multi.*|ddp|fsdp|nprocs|num_nodes|host"),
        ("what it is measured on: other values would not compare", r"(test|val|valid|validation|train|eval|dev|hold_?out)_?(size|split|ratio|frac(tion)?|pct|percent(age)?)|(max|num|n)_?(train_?|eval_?|test_?)?_?(samples|examples|rows|points|data|images|instances)(_per_class)?|(k|n|num)?_?(folds?|splits?)|cv|subset|limit|sample_size|rows|samples|fraction|noise_level|train_rows|dataset_size"),
        ("set by the data", r"(num|n)_?(class(es)?|labels|features|inputs?|outputs?|categories|tokens)|(input|output|out|in)_?(dim|size|features|channels)|image_?size|img_?(size|dim)|vocab(ulary)?(_?size)?|nz|nc|channels|num_nodes|height|width_px|objective|metric|eval_metric|scoring|target|label|features|separator|delimiter|num_class"),
        ("its best value hangs on the width, which it must divide", r"(num|n)_?(attention_)?(heads?|attention_heads)|nhead|n_head|groups"),
        ("a numerical detail", r"(adam_)?eps(ilon)?|tol(erance)?|rho|eps_.*"),
        ("how long the text may be: it changes what is measured", r"(max_?)?(seq(uence)?|source|target|input|src|tgt|block|context)?_?(len(gth)?)|max_?len(gth)?|max_seq_length|block_size|bptt|context"),
        ("a short run to see whether it works", r"dry_?run|fast_dev_run|smoke.*|quick|demo|help|do_(train|eval|predict|test)|mode|train_only|evaluate|overwrite.*|push_to_hub|config|action|command|test_only|profile"),
        ("when to give up: it changes how long is trained, not what is learnt", r"(early_?stop(ping)?_?)?(patience|rounds|delta)|early_?stop(ping)?|min_delta|early_stopping.*"),
        ("how long it trains: more is seldom worse, and dearer", r"(max_?|num_?|n_?|total_?|train_?)*(steps?|iter(ation)?s?|updates|train_steps|timesteps)|steps_per_epoch|start_epoch|last_epoch|start_iter|iterations_per_epoch|n_iter_no_change"),
    )
)  # fmt: skip


def is_known(name: str) -> bool:
    """Whether the meaning of a setting called `name` is known: some range would be proposed for it, or it is epochs."""
    plain = name.rpartition(".")[2].lower().replace("-", "_")
    patterns = (_WIDTHS, _DEPTHS, _CLIPS, _SEED, _CHOSEN)
    return plain in _MEANING or any(pattern.fullmatch(plain) for pattern in patterns)


def judge(setting: Setting, *, schedules: bool = False) -> Judged:
    """The role of a setting, with its range where it is to be tuned; `schedules` where the script has a schedule."""
    plain = setting.plain
    if plain == "gamma" and schedules:  # of the schedule, not of a kernel
        plain = "lr_gamma"
    if _SEED.fullmatch(plain) and setting.kind is not Kind.TEXT:
        return Judged(setting, Role.SEED, "each measurement gets a seed of its own")
    if _OUTPUT.fullmatch(plain) and setting.kind is not Kind.SWITCH and setting.form is not Form.LITERAL:
        return Judged(setting, Role.OUTPUT, "each run writes to a folder of its own")
    meaning = _MEANING.get(plain, "") or _MEANING.get(_without_words(plain), "") or _by_help(setting)
    if meaning == "epochs" and not setting.choices:
        return Judged(setting, Role.EPOCHS, "how long it trains", meaning=meaning)
    if setting.choices or setting.kind in (Kind.SWITCH, Kind.TEXT):
        return _judge_chosen(setting, plain)
    if not meaning:
        for reason, pattern in _FIXED:
            if pattern.fullmatch(plain):
                return Judged(setting, Role.FIXED, reason)
    if not isinstance(setting.default, int | float) or isinstance(setting.default, bool):
        if meaning and setting.required:
            usual = by_meaning(meaning)
            return Judged(
                setting, Role.TUNE, f"{_words(meaning)}; the script has no default, so this is a usual one",
                _lever(meaning), replace(_plainly(usual), default=usual.default), meaning,
            )  # fmt: skip
        return Judged(setting, Role.FIXED, "no number in the script to start from", meaning=meaning)
    return _judge_number(setting, plain, meaning, float(setting.default))


def _by_help(setting: Setting) -> str:
    """What the help text says that a number means; '' where it doesn't, or where it may mean something near it."""
    text = setting.help.lower()
    if setting.kind is Kind.INT and re.search(r"(number of|num|how many|total) (training )?epochs|epochs to train", text):
        return "epochs"
    if re.search(r"decay|sched|factor|gamma|step|warm|final|minimum|test|eval|valid|every|interval|log", text):
        return ""
    if setting.kind is Kind.FLOAT and re.match(r"(the |initial |base |peak )*learning rate", text):
        return "learning_rate"
    return "batch_size" if setting.kind is Kind.INT and re.match(r"(the |input |training |mini-?)*batch ?size", text) else ""


def _judge_number(setting: Setting, plain: str, meaning: str, default: float) -> Judged:
    whole = setting.kind is Kind.INT or (setting.kind is Kind.UNKNOWN and isinstance(setting.default, int))

    def tuned(why: str, lever: str, parameter: Parameter) -> Judged:
        return Judged(setting, Role.TUNE, why, lever, parameter, meaning)

    if meaning == "batch_size" and default >= 1:
        return tuned("batch size: around today's", TRAINING, _around(default, 4, whole=True))
    if plain == "gamma" and 0.8 < default < 1:
        return tuned("a discount or a decay, near one", TRAINING, Float(0.8, max(0.9999, default), default=default))
    if meaning:
        return tuned(f"{_words(meaning)}: the usual range", _lever(meaning), _usual(meaning, default, whole))
    if _WIDTHS.fullmatch(plain) and default >= 1:
        return tuned("a width: around today's", ARCHITECTURE, _around(default, 4, whole=True))
    if _DEPTHS.fullmatch(plain) and default >= 1:
        return tuned("a depth: around today's", ARCHITECTURE, Int(1, max(4, int(2 * default)), default=int(default)))
    if _CLIPS.fullmatch(plain):
        if default > 0:
            return tuned("gradient clipping: around today's", TRAINING, _around(default, 10, whole=False))
        return tuned("gradient clipping: off, or usual values", TRAINING, _or_zero(default, (0.1, 0.5, 1.0, 5.0)))
    if _BETAS.fullmatch(plain) and 0 < default < 1:
        return tuned("a decay of averages", TRAINING, Float(min(0.8, default), max(0.9999, default), default=default))
    if _FACTORS.fullmatch(plain) and 0 < default <= 1:
        return tuned("a decay factor", TRAINING, Float(min(0.1, default), 1.0, default=default))
    if _GRADIENT.fullmatch(plain) and default >= 1:
        return tuned("multiplies the batch size", TRAINING, Int(1, max(8, int(2 * default)), log=True, default=int(default)))
    if _WIDE.fullmatch(plain) and default > 0:
        return tuned("around today's", TRAINING, _around(default, 10, whole=whole))
    return Judged(setting, Role.FIXED, "unknown to luthier; give it a range if it matters")


def _judge_chosen(setting: Setting, plain: str) -> Judged:
    if setting.kind is Kind.SWITCH and not setting.choices:
        default = bool(setting.default) if setting.default is not None else False
        if _SWITCHES.fullmatch(re.sub(r"^(no|use|with|disable|enable)_", "", plain)) or _SWITCHES.fullmatch(plain):
            return Judged(setting, Role.TUNE, "on or off", TRAINING, Choice((False, True), default=default))
        return _fixed(setting, plain, "a switch that luthier doesn't know")
    options = tuple(dict.fromkeys(setting.choices))
    sizes = plain in _MEANING and all(isinstance(one, int | float) for one in options)
    if len(options) > 1 and (_CHOSEN.fullmatch(plain) or sizes) and not any(one is None for one in options):
        default = setting.default if setting.default in options else options[0]
        lever = ARCHITECTURE if re.match(r"act|arch|model|norm|pool|rnn|nonlin", plain) else TRAINING
        return Judged(
            setting, Role.TUNE, "one of the script's choices", lever, Choice(options, default=default),
            _MEANING.get(plain, ""),
        )  # fmt: skip
    return _fixed(setting, plain, "a choice that luthier doesn't know" if options else "a free text: no range to search")


def _fixed(setting: Setting, plain: str, otherwise: str) -> Judged:
    reason = next((reason for reason, pattern in _FIXED if pattern.fullmatch(plain)), otherwise)
    if setting.kind is Kind.SWITCH and reason in ("a path", "a name"):
        reason = "what it reads or writes, not what it learns"
    return Judged(setting, Role.FIXED, reason)


def _usual(meaning: str, default: float, whole: bool) -> Parameter:
    """The usual range, widened so that it holds the default with room on both sides."""
    usual = _plainly(by_meaning(meaning))
    if isinstance(usual, Int):
        if default < 1 or default != default // 1:
            return Float(min(default, 0.0), max(2 * default, 1.0), default=default)
        low, high = min(usual.low, max(1, int(default / 4))), max(usual.high, int(default * 2))
        return Int(low, high, log=usual.log, default=int(default))
    assert isinstance(usual, Float)
    if whole and default >= 1:
        return _around(default, 10, whole=True)
    if usual.log and default <= 0:
        return _or_zero(default, _decades(usual.low, min(usual.high, 0.1)))
    if usual.log:
        return Float(_rounded(min(usual.low, default / 10)), _rounded(max(usual.high, default * 10)), log=True, default=default)
    return Float(min(usual.low, default), max(usual.high, default), default=default)


def _around(default: float, factor: float, *, whole: bool) -> Parameter:
    if whole:
        return Int(max(1, round(default / factor)), max(2, round(default * factor)), log=True, default=round(default))
    return Float(_rounded(default / factor), _rounded(default * factor), log=True, default=default)


def _or_zero(default: float, values: tuple[float, ...]) -> Choice:
    return Choice(tuple(sorted({*values, default})), ordered=True, default=default)


def _decades(low: float, high: float) -> tuple[float, ...]:
    found, value = [], low
    while value <= high * 1.001:
        found.append(_rounded(value))
        value *= 10
    return tuple(found)


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


def _plainly(parameter: Parameter) -> Float | Int:
    assert isinstance(parameter, Float | Int)
    return replace(parameter, prior=None)


def _lever(meaning: str) -> str:
    if meaning in _MODEL:
        return MODEL
    return ARCHITECTURE if meaning == "dropout" else TRAINING


def _words(meaning: str) -> str:
    return meaning.replace("_", " ")


def _without_words(plain: str) -> str:
    """The name without what it belongs to: 'sgd_lr' and 'model_dropout' are 'lr' and 'dropout'."""
    return re.sub(r"^(sgd|adamw?|optimi[sz]er|opt|train|training|model|net|clf|init|default|head|backbone|encoder|g|d)_", "", plain)

