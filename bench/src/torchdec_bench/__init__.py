"""The kit of a checkout: data sets, baselines and studies, which torchdec is measured with."""
