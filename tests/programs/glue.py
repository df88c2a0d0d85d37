"""A classifier of sentences by Hugging Face's Trainer, in the shape of its run_glue.py."""

import zlib
from dataclasses import dataclass, field
from pydoc_data.topics import topics

import numpy as np
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
    set_seed,
)


@dataclass
class DataTrainingArguments:
    max_seq_length: int = field(default=16)
    max_train_samples: int = field(default=512)
    planted: bool = field(default=False)


class Sentences(torch.utils.data.Dataset):
    """Lines of two chapters of Python's manual, as hashed words, and the chapter."""

    def __init__(self, split, length):
        self.rows = []
        for label, name in enumerate(("typesseq", "debugger")):
            lines = [line.split() for line in topics[name].splitlines() if len(line.split()) > 3]
            lines = lines[: len(lines) * 3 // 4] if split == "train" else lines[::4]
            self.rows += [(words[:length], label) for words in lines]
        self.length = length

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        words, label = self.rows[i]
        ids = [1, *(2 + zlib.crc32(word.encode()) % 998 for word in words)][: self.length]
        return {"input_ids": ids, "label": label}


def collate(features):
    longest = max(len(f["input_ids"]) for f in features)
    ids = torch.zeros(len(features), longest, dtype=torch.long)
    for row, f in zip(ids, features, strict=True):
        row[: len(f["input_ids"])] = torch.tensor(f["input_ids"])
    labels = torch.tensor([f["label"] for f in features])
    return {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": labels}


class Classifier(BertForSequenceClassification):
    """With `planted`, units of a layer that are never active."""

    def __init__(self, config):
        super().__init__(config)
        if config.planted:
            torch.nn.init.constant_(self.bert.encoder.layer[0].intermediate.dense.bias, -20)


def compute_metrics(p):
    return {"accuracy": float((np.argmax(p.predictions, axis=1) == p.label_ids).mean())}


def main():
    data_args, training_args = HfArgumentParser(
        (DataTrainingArguments, TrainingArguments)
    ).parse_args_into_dataclasses()
    set_seed(training_args.seed)
    train_dataset = Sentences("train", data_args.max_seq_length)
    eval_dataset = Sentences("validation", data_args.max_seq_length)
    config = BertConfig(
        vocab_size=1000, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=32, num_labels=2, hidden_act="relu",
    )  # fmt: skip
    config.planted = data_args.planted
    trainer = Trainer(
        model=Classifier(config), args=training_args, train_dataset=train_dataset,
        eval_dataset=eval_dataset, compute_metrics=compute_metrics, data_collator=collate,
    )  # fmt: skip
    result = trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
    trainer.save_model()
    print(f"train loss {result.training_loss:.12f}")
    found = trainer.evaluate()
    print(f"accuracy {found['eval_accuracy']:.4f}")


if __name__ == "__main__":
    main()
