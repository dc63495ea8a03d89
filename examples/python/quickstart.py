import sys
import scrl

scrl.pack(sys.argv[1], "data.h5")                          # a folder of pictures
data = scrl.Dataset("data.h5")
cfg = scrl.Config(preset="scrl-small", **{"train.epochs": 20})
scrl.Trainer(cfg, data, out="run/").fit()                  # no labels; Ctrl-C saves
model = scrl.Model.load("run/")
x = scrl.prepare(data[0], 224)[None]                       # (1, 3, 224, 224)
print(model.embed(x).shape, model.features(x, "layer4").shape)
